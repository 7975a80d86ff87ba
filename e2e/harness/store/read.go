package store

import (
	"context"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Object reads an object with the root key.
func (s *Store) Object(ctx context.Context, bucket, key string) (string, error) {
	out, err := s.S3().GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return "", fmt.Errorf("read s3://%s/%s: %w", bucket, key, err)
	}
	defer out.Body.Close()
	data, err := io.ReadAll(out.Body)
	if err != nil {
		return "", fmt.Errorf("read s3://%s/%s: %w", bucket, key, err)
	}
	return string(data), nil
}

// List returns the objects below a prefix, in the order of their keys.
func (s *Store) List(ctx context.Context, bucket, prefix string) (objects []types.Object, err error) {
	pages := s3.NewListObjectsV2Paginator(s.S3(), &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list s3://%s/%s: %w", bucket, prefix, err)
		}
		objects = append(objects, page.Contents...)
	}
	return objects, nil
}

// Size is the sum of the sizes of the objects below a prefix.
func (s *Store) Size(ctx context.Context, bucket, prefix string) (size int64, err error) {
	objects, err := s.List(ctx, bucket, prefix)
	for i := range objects {
		size += aws.ToInt64(objects[i].Size)
	}
	return size, err
}
