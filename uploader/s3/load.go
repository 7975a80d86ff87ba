package s3

import (
	"fmt"
	"io"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// requestBody is a body with the checksum that goes with it.
type requestBody struct {
	body io.ReadSeeker
	// crc or md5 is for the header; both nil: the SDK puts the checksum of this algorithm behind the body.
	crc, md5  *string
	algorithm types.ChecksumAlgorithm
	// signing makes the SDK sign the request as the body needs it.
	signing func(*s3.Options)
	// sum is the checksum, once the body is sent.
	sum func() objstore.Sum
}

// newRequestBody returns a body with its checksum. It reads the body beforehand only where the caller does not know the
// checksum and it cannot follow the body.
func (s *Store) newRequestBody(b objstore.Body) (*requestBody, error) {
	if b.Sum == (objstore.Sum{}) && s.algorithm == objstore.CRC32C && s.overTLS && b.Size > 0 {
		hash := checksum.New(objstore.CRC32C)
		return &requestBody{
			body: transport.NewBodyReader(b, hash), algorithm: types.ChecksumAlgorithmCrc32c, signing: func(*s3.Options) {},
			sum: func() objstore.Sum { return checksum.Sum(objstore.CRC32C, hash) },
		}, nil
	}
	sum := b.Sum
	if sum == (objstore.Sum{}) {
		hash := checksum.New(s.algorithm)
		if err := transport.HashBody(b, hash); err != nil {
			return nil, err
		}
		sum = checksum.Sum(s.algorithm, hash)
	}
	if sum.Algorithm != s.algorithm {
		return nil, fmt.Errorf("send a body with %s: this store takes %s", sum.Algorithm, s.algorithm)
	}
	l := &requestBody{
		body: transport.NewBodyReader(b, nil), signing: s.leaveBodyUnsigned, sum: func() objstore.Sum { return sum },
	}
	if s.algorithm == objstore.MD5 {
		l.md5 = &sum.Value
	} else {
		l.crc = &sum.Value
	}
	return l, nil
}

// leaveBodyUnsigned leaves the body out of the signature over TLS, which protects it: the SDK would read it once more.
func (s *Store) leaveBodyUnsigned(o *s3.Options) {
	if s.overTLS {
		o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
	}
}
