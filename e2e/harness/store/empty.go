package store

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// EmptyBucket deletes what is in a bucket, for tests that need much of the node's disk.
func (s *Store) EmptyBucket(ctx context.Context, bucket string) error {
	client := s.S3()
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("empty bucket %s: %w", bucket, err)
		}
		for i := range page.Contents {
			if _, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: page.Contents[i].Key}); err != nil {
				return fmt.Errorf("empty bucket %s: %w", bucket, err)
			}
		}
	}
	uploads, err := client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &bucket})
	if err != nil {
		return fmt.Errorf("empty bucket %s: %w", bucket, err)
	}
	for i := range uploads.Uploads {
		u := &uploads.Uploads[i]
		_, err := client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &bucket, Key: u.Key, UploadId: u.UploadId})
		if err != nil {
			return fmt.Errorf("empty bucket %s: %w", bucket, err)
		}
	}
	return nil
}
