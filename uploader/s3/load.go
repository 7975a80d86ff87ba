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

// load is a body with the checksum that goes with it.
type load struct {
	body io.ReadSeeker
	// crc or md5 is for the header; both nil: the SDK puts the checksum of this algorithm behind the body.
	crc, md5  *string
	algorithm types.ChecksumAlgorithm
	// option says how the body is signed.
	option func(*s3.Options)
	// sum is the checksum, once the body is sent.
	sum func() objstore.Sum
}

// load makes a body ready. Only where nobody knows its checksum, and it cannot go behind the body, is it read beforehand.
func (s *Store) load(b objstore.Body) (*load, error) {
	if b.Sum == (objstore.Sum{}) && s.algorithm == objstore.CRC32C && s.overTLS && b.Size > 0 {
		hash := checksum.New(objstore.CRC32C)
		return &load{
			body: transport.Body(b, hash), algorithm: types.ChecksumAlgorithmCrc32c, option: func(*s3.Options) {},
			sum: func() objstore.Sum { return checksum.Sum(objstore.CRC32C, hash) },
		}, nil
	}
	sum := b.Sum
	if sum == (objstore.Sum{}) {
		hash := checksum.New(s.algorithm)
		if err := transport.Sum(b, hash); err != nil {
			return nil, err
		}
		sum = checksum.Sum(s.algorithm, hash)
	}
	if sum.Algorithm != s.algorithm {
		return nil, fmt.Errorf("send a body with %s: this store takes %s", sum.Algorithm, s.algorithm)
	}
	l := &load{body: transport.Body(b, nil), option: s.sign, sum: func() objstore.Sum { return sum }}
	if s.algorithm == objstore.MD5 {
		l.md5 = &sum.Value
	} else {
		l.crc = &sum.Value
	}
	return l, nil
}

// sign leaves the body out of the signature over TLS, which guards it; else the SDK would read it once more.
func (s *Store) sign(o *s3.Options) {
	if s.overTLS {
		o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
	}
}
