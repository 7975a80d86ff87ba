package s3

import (
	"crypto/md5" //nolint:gosec // It is how S3 makes ETags.
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"lighterman.dev/lighterman/uploader/objstore"
)

// checksumResponse holds the checksums in an answer, which are of the bytes that the store has.
type checksumResponse struct {
	crc, etag  *string
	encryption types.ServerSideEncryption
}

// verifyChecksum compares the checksum in an answer with that of the bytes that were sent.
func (s *Store) verifyChecksum(key string, c checksumResponse, sent objstore.Sum) error {
	var stored objstore.Sum
	if s.algorithm == objstore.CRC32C {
		if c.crc == nil {
			return &objstore.Error{
				Class: objstore.Invalid, Cure: "set checksums: WhenRequired in the profile",
				Err: fmt.Errorf("%s: the store does not say which CRC32C it has", key),
			}
		}
		stored = objstore.Sum{Algorithm: objstore.CRC32C, Value: *c.crc}
	} else if stored = c.md5Sum(); stored == (objstore.Sum{}) {
		return nil // The store has compared it with Content-MD5, and returns none.
	}
	return compareSums(key, stored, sent)
}

var plainETag = regexp.MustCompile(`^"?([0-9a-f]{32})"?$`)

// md5Sum returns the MD5 of an object whose ETag is that: in one part, and not encrypted by the store. Else it returns zero.
func (c checksumResponse) md5Sum() objstore.Sum {
	match := plainETag.FindStringSubmatch(aws.ToString(c.etag))
	if match == nil || c.encryption != "" {
		return objstore.Sum{}
	}
	sum, _ := hex.DecodeString(match[1])
	return objstore.Sum{Algorithm: objstore.MD5, Value: base64.StdEncoding.EncodeToString(sum)}
}

// wholeChecksum returns the store's checksum of the whole object; zero: it has none of the algorithm.
func (s *Store) wholeChecksum(c checksumResponse) objstore.Sum {
	switch {
	case s.algorithm == objstore.MD5:
		return c.md5Sum()
	case c.crc != nil:
		return objstore.Sum{Algorithm: objstore.CRC32C, Value: *c.crc}
	}
	return objstore.Sum{}
}

var partsETag = regexp.MustCompile(`^"?[0-9a-f]{32}-[0-9]+"?$`)

// verifyPartsETag compares the ETag of an object in parts with the one that their MD5s make, where the store's has this form.
func (c checksumResponse) verifyPartsETag(key string, parts []objstore.Part) error {
	if !partsETag.MatchString(aws.ToString(c.etag)) || c.encryption != "" {
		return nil
	}
	whole := md5.New() //nolint:gosec // It is how S3 makes ETags.
	for _, part := range parts {
		sum, err := base64.StdEncoding.DecodeString(part.Sum.Value)
		if err != nil {
			return fmt.Errorf("%s: part %d: read its MD5: %w", key, part.Number, err)
		}
		whole.Write(sum)
	}
	want := fmt.Sprintf("%x-%d", whole.Sum(nil), len(parts))
	if got := strings.Trim(*c.etag, `"`); got != want {
		return &objstore.Error{
			Class: objstore.Corrupt,
			Err:   errors.New(key + " has the ETag " + got + " in the store, and its parts make " + want),
		}
	}
	return nil
}
