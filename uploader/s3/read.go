package s3

import (
	"context"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// Stat describes an object. Its Sum is zero where the object has none of Limits.Algorithm, as one that another program
// wrote, and for one in parts where the store knows only MD5.
func (s *Store) Stat(ctx context.Context, key string) (objstore.Stored, error) {
	in := &s3.HeadObjectInput{Bucket: s.bucket, Key: &key}
	if s.algorithm == objstore.CRC32C {
		in.ChecksumMode = types.ChecksumModeEnabled
	}
	out, err := s.client.HeadObject(ctx, in)
	if err != nil {
		return objstore.Stored{}, s.wrapError(ctx, "describe", key, err)
	}
	stored := objstore.Stored{
		Key: key, Version: aws.ToString(out.VersionId), Metadata: out.Metadata,
		Sum: s.wholeChecksum(checksumResponse{out.ChecksumCRC32C, out.ETag, out.ServerSideEncryption}),
	}
	if out.ContentLength != nil {
		stored.Size = *out.ContentLength
	}
	if out.LastModified != nil {
		stored.Modified = *out.LastModified
	}
	return stored, nil
}

// Open reads an object. It is compared with the checksum that the store has: the last Read fails where it differs.
func (s *Store) Open(ctx context.Context, key, version string) (io.ReadCloser, error) {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: s.bucket, Key: &key, VersionId: nilIfEmpty(version)})
	if err != nil {
		return nil, s.wrapError(ctx, "read", key, err)
	}
	return transport.ClassifyReads(ctx, out.Body), nil
}

// Delete removes an object.
func (s *Store) Delete(ctx context.Context, key, version string) error {
	_, err := s.client.DeleteObject(
		ctx, &s3.DeleteObjectInput{Bucket: s.bucket, Key: &key, VersionId: nilIfEmpty(version)},
	)
	if err = s.wrapError(ctx, "delete", key, err); objstore.ClassOf(err) == objstore.NotFound {
		return nil
	}
	return err
}
