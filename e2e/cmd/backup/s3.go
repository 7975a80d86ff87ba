package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

type s3Object struct {
	client      *s3.Client
	bucket, key string
}

// openS3 uses the SDK's defaults for everything but path-style addressing, which the SDK has no variable for.
func openS3(ctx context.Context, out io.Writer, u *url.URL) (object, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("load AWS configuration: %w", err)
	}
	identity, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("get credentials: %w", err)
	}
	fmt.Fprintf(out, "identity from %s\n", identity.Source)
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = os.Getenv("AWS_ENDPOINT_URL_S3") != "" || os.Getenv("AWS_ENDPOINT_URL") != ""
	})
	return &s3Object{client: client, bucket: u.Host, key: key(u)}, nil
}

func (o *s3Object) put(ctx context.Context, body io.ReadSeekCloser) (string, error) {
	result, err := o.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &o.bucket, Key: &o.key, Body: body})
	if err != nil {
		return "", err
	}
	return aws.ToString(result.ETag), nil
}

func (o *s3Object) get(ctx context.Context) (io.ReadCloser, error) {
	result, err := o.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &o.bucket, Key: &o.key})
	if err != nil {
		return nil, err
	}
	return result.Body, nil
}
