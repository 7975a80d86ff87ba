package s3

import (
	"bytes"
	"context"
	"fmt"
	"hash"
	"io"
	"strconv"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/checksum"
)

const (
	trailerName = "x-amz-checksum-crc64nvme"
	// sumLength is that of 8 bytes in base64.
	sumLength = 12
)

// trailer sends a body as one chunk with its checksum behind it, as the SDK does, whose CRC64NVME takes more time than all
// the rest of a request (aws-sdk-go-v2 service/internal/checksum v1.11.11 uses hash/crc64, which makes a new table for each
// write). The form: docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html.
type trailer struct {
	size int64
	// hash gets what is read of the body.
	hash hash.Hash
}

// ID names the step in the SDK's stack.
func (*trailer) ID() string { return "ChecksumBehindBody" }

// HandleFinalize wraps the body.
func (t *trailer) HandleFinalize(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
	out middleware.FinalizeOutput, metadata middleware.Metadata, err error,
) {
	req, ok := in.Request.(*smithyhttp.Request)
	if !ok {
		return out, metadata, fmt.Errorf("put a checksum behind the body: unknown request type %T", in.Request)
	}
	head := strconv.FormatInt(t.size, 16) + "\r\n"
	tail := "\r\n0\r\n" + trailerName + ":"
	const end = "\r\n\r\n"
	length := int64(len(head)+len(tail)+sumLength+len(end)) + t.size
	body := io.MultiReader(bytes.NewReader([]byte(head)), req.GetStream(), &later{func() string {
		return tail + checksum.Sum(uploader.CRC64NVME, t.hash).Value + end
	}, nil})
	if req, err = req.SetStream(body); err != nil {
		return out, metadata, fmt.Errorf("put a checksum behind the body: %w", err)
	}
	req.ContentLength = length
	req.Header.Set("Content-Encoding", "aws-chunked")
	req.Header.Set("X-Amz-Decoded-Content-Length", strconv.FormatInt(t.size, 10))
	req.Header.Set("X-Amz-Trailer", trailerName)
	in.Request = req
	return next.HandleFinalize(v4.SetPayloadHash(ctx, "STREAMING-UNSIGNED-PAYLOAD-TRAILER"), in)
}

// later is a text that is not known before it is read.
type later struct {
	text func() string
	r    io.Reader
}

func (l *later) Read(p []byte) (int, error) {
	if l.r == nil {
		l.r = bytes.NewReader([]byte(l.text()))
	}
	return l.r.Read(p)
}
