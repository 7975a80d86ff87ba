package s3

import (
	"context"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"lighterman.dev/lighterman/uploader/objstore"
)

// Put stores an object in one request.
func (s *Store) Put(ctx context.Context, o *objstore.Object, body objstore.Body) (objstore.Stored, error) {
	l, err := s.newRequestBody(body)
	if err != nil {
		return objstore.Stored{}, s.wrapError(ctx, "read", o.Key, err)
	}
	p := newProperties(o)
	out, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: s.bucket, Key: &o.Key, Body: l.body, ContentLength: &body.Size,
		ChecksumCRC32C: l.crc, ChecksumAlgorithm: l.algorithm, ContentMD5: l.md5, IfNoneMatch: p.ifNoneMatch,
		ContentType: p.contentType, Metadata: o.Metadata, Tagging: p.tagging, StorageClass: p.storageClass,
		ServerSideEncryption: p.encryption, SSEKMSKeyId: p.kmsKeyID,
		ObjectLockMode: p.lockMode, ObjectLockRetainUntilDate: p.lockUntil,
	}, l.signing)
	if err != nil {
		return objstore.Stored{}, s.wrapError(ctx, "put", o.Key, err)
	}
	answer := checksumResponse{out.ChecksumCRC32C, out.ETag, out.ServerSideEncryption}
	if err := s.verifyChecksum(o.Key, answer, l.sum()); err != nil {
		return objstore.Stored{}, err
	}
	return objstore.Stored{
		Key: o.Key, Size: body.Size, Version: aws.ToString(out.VersionId), Sum: l.sum(), Metadata: o.Metadata,
	}, nil
}

// properties are an object's in the SDK's types: nil and "" for those that are not set.
type properties struct {
	ifNoneMatch, contentType, tagging, kmsKeyID *string

	storageClass types.StorageClass
	encryption   types.ServerSideEncryption
	lockMode     types.ObjectLockMode
	lockUntil    *time.Time
}

var encryptions = map[string]types.ServerSideEncryption{
	"AES256": types.ServerSideEncryptionAes256,
	"KMS":    types.ServerSideEncryptionAwsKms,
}

func newProperties(o *objstore.Object) properties {
	p := properties{
		contentType:  nilIfEmpty(o.ContentType),
		kmsKeyID:     nilIfEmpty(o.KMSKeyID),
		storageClass: types.StorageClass(o.StorageClass),
		encryption:   encryptions[o.Encryption],
	}
	if o.Retention != nil {
		p.lockMode, p.lockUntil = types.ObjectLockModeGovernance, &o.Retention.Until
		if o.Retention.Compliance {
			p.lockMode = types.ObjectLockModeCompliance
		}
	}
	if !o.Overwrite {
		p.ifNoneMatch = new("*")
	}
	tags := url.Values{}
	for name, value := range o.Tags {
		tags.Set(name, value)
	}
	p.tagging = nilIfEmpty(tags.Encode())
	return p
}

// nilIfEmpty returns nil for an empty text: S3 refuses an empty header.
func nilIfEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
