package s3

import (
	"context"
	"errors"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/objstore"
)

// Begin starts an upload in parts.
func (s *Store) Begin(ctx context.Context, o *objstore.Object) (string, error) {
	p := newProperties(o)
	in := &s3.CreateMultipartUploadInput{
		Bucket: s.bucket, Key: &o.Key,
		ContentType: p.contentType, Metadata: o.Metadata, Tagging: p.tagging, StorageClass: p.storageClass,
		ServerSideEncryption: p.encryption, SSEKMSKeyId: p.kmsKeyID,
		ObjectLockMode: p.lockMode, ObjectLockRetainUntilDate: p.lockUntil,
	}
	if s.algorithm == objstore.CRC32C {
		in.ChecksumAlgorithm, in.ChecksumType = types.ChecksumAlgorithmCrc32c, types.ChecksumTypeFullObject
	}
	out, err := s.client.CreateMultipartUpload(ctx, in)
	if err != nil {
		return "", s.wrapError(ctx, "begin to upload", o.Key, err)
	}
	id := aws.ToString(out.UploadId)
	if id == "" {
		return "", &objstore.Error{
			Class: objstore.Unknown, Err: errors.New("begin to upload " + o.Key + ": the answer has no upload ID"),
		}
	}
	return id, nil
}

// PutPart sends a part.
func (s *Store) PutPart(
	ctx context.Context, o *objstore.Object, id string, number int, body objstore.Body,
) (objstore.Part, error) {
	l, err := s.newRequestBody(body)
	if err != nil {
		return objstore.Part{}, s.wrapError(ctx, "read", o.Key, err)
	}
	out, err := s.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: s.bucket, Key: &o.Key, UploadId: &id, PartNumber: new(int32(number)), //nolint:gosec // At most 10,000.
		Body: l.body, ContentLength: &body.Size, ChecksumCRC32C: l.crc, ChecksumAlgorithm: l.algorithm, ContentMD5: l.md5,
	}, l.signing)
	if err != nil {
		return objstore.Part{}, s.wrapError(ctx, "upload a part of", o.Key, err)
	}
	answer := checksumResponse{out.ChecksumCRC32C, out.ETag, out.ServerSideEncryption}
	if err := s.verifyChecksum(o.Key, answer, l.sum()); err != nil {
		return objstore.Part{}, err
	}
	return objstore.Part{Number: number, Size: body.Size, Sum: l.sum(), Tag: aws.ToString(out.ETag)}, nil
}

// Complete makes the object visible, if the checksum of the whole is that of the parts.
func (s *Store) Complete(
	ctx context.Context, o *objstore.Object, id string, parts []objstore.Part,
) (objstore.Stored, error) {
	done := objstore.Stored{Key: o.Key, Metadata: o.Metadata, Sum: checksum.Combine(parts)}
	in := &s3.CompleteMultipartUploadInput{
		Bucket: s.bucket, Key: &o.Key, UploadId: &id, IfNoneMatch: newProperties(o).ifNoneMatch,
		MultipartUpload: &types.CompletedMultipartUpload{},
	}
	for _, part := range parts {
		done.Size += part.Size
		completed := types.CompletedPart{
			ETag:       &part.Tag,
			PartNumber: new(int32(part.Number)), //nolint:gosec // At most 10,000.
		}
		if s.algorithm == objstore.CRC32C {
			completed.ChecksumCRC32C = &part.Sum.Value
		}
		in.MultipartUpload.Parts = append(in.MultipartUpload.Parts, completed)
	}
	if s.algorithm == objstore.CRC32C {
		in.ChecksumType, in.ChecksumCRC32C = types.ChecksumTypeFullObject, &done.Sum.Value
		in.MpuObjectSize = &done.Size
	}
	out, err := s.client.CompleteMultipartUpload(ctx, in)
	if err != nil {
		return s.adoptCompleted(ctx, done, s.wrapCompleteError(ctx, o.Key, err))
	}
	answer := checksumResponse{out.ChecksumCRC32C, out.ETag, out.ServerSideEncryption}
	switch {
	case s.algorithm == objstore.MD5:
		if err = answer.verifyPartsETag(o.Key, parts); err == nil && out.VersionId == nil {
			return s.addVersion(ctx, done)
		}
	case out.ChecksumCRC32C == nil: // Asked again, versitygw 1.8 answers with 200 and no checksum.
		return s.adoptCompleted(
			ctx, done,
			&objstore.Error{Class: objstore.NoUpload, Err: errors.New(o.Key + ": the store does not say what it completed")},
		)
	default:
		err = s.verifyChecksum(o.Key, answer, done.Sum)
	}
	if err != nil {
		return objstore.Stored{}, err
	}
	done.Version = aws.ToString(out.VersionId)
	return done, nil
}

// adoptCompleted finds out whether an upload that the store knows no more was completed by a request whose answer was lost.
// It cannot without a checksum of the whole.
func (s *Store) adoptCompleted(ctx context.Context, want objstore.Stored, err error) (objstore.Stored, error) {
	if objstore.ClassOf(err) != objstore.NoUpload || want.Sum == (objstore.Sum{}) {
		return objstore.Stored{}, err
	}
	got, serr := s.Stat(ctx, want.Key)
	if serr != nil || got.Size != want.Size || got.Sum != want.Sum {
		return objstore.Stored{}, err
	}
	return got, nil
}

// addVersion adds the version, which the answer to a repeated request may lack (versitygw 1.8).
func (s *Store) addVersion(ctx context.Context, done objstore.Stored) (objstore.Stored, error) {
	got, err := s.Stat(ctx, done.Key)
	if err != nil {
		return objstore.Stored{}, err
	}
	done.Version = got.Version
	return done, nil
}

// Abort aborts an upload.
func (s *Store) Abort(ctx context.Context, o *objstore.Object, id string) error {
	_, err := s.client.AbortMultipartUpload(
		ctx, &s3.AbortMultipartUploadInput{Bucket: s.bucket, Key: &o.Key, UploadId: &id},
	)
	if err = s.wrapError(ctx, "abort the upload of", o.Key, err); objstore.ClassOf(err) == objstore.NoUpload {
		return nil
	}
	return err
}

// Unfinished lists uploads in parts. MinIO lists those of one key, not those below a prefix, and aborts them by itself
// after a day (github.com/minio/minio docs: MINIO_API_STALE_UPLOADS_EXPIRY).
func (s *Store) Unfinished(ctx context.Context, prefix string) iter.Seq2[objstore.Unfinished, error] {
	return func(yield func(objstore.Unfinished, error) bool) {
		pages := s3.NewListMultipartUploadsPaginator(
			s.client, &s3.ListMultipartUploadsInput{Bucket: s.bucket, Prefix: nilIfEmpty(prefix)},
		)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(objstore.Unfinished{}, s.wrapError(ctx, "list the uploads below", prefix, err))
				return
			}
			for _, upload := range page.Uploads {
				found := objstore.Unfinished{Key: aws.ToString(upload.Key), ID: aws.ToString(upload.UploadId)}
				if upload.Initiated != nil {
					found.Begun = *upload.Initiated
				}
				if !yield(found, nil) {
					return
				}
			}
		}
	}
}

// wrapCompleteError is wrapError for Complete, where a conflict with another write ends the upload and the caller begins it
// again: aws-sdk-go-v2 service/s3 v1.114.8, CompleteMultipartUploadInput.IfNoneMatch.
func (s *Store) wrapCompleteError(ctx context.Context, key string, err error) error {
	err = s.wrapError(ctx, "complete the upload of", key, err)
	if fault, ok := errors.AsType[*objstore.Error](err); ok && errorCode(err) == conditionalConflict {
		fault.Class = objstore.NoUpload
	}
	return err
}
