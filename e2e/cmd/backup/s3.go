package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func put(ctx context.Context, out io.Writer, target, text, file string) error {
	bucket, key, err := parse(target)
	if err != nil {
		return err
	}
	client, err := connect(ctx, out)
	if err != nil {
		return err
	}
	body := io.ReadSeeker(strings.NewReader(text))
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		body = f
	}
	result, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: body})
	if err != nil {
		return fmt.Errorf("put %s: %w", target, err)
	}
	fmt.Fprintf(out, "put %s etag %s\n", target, aws.ToString(result.ETag))
	return nil
}

func get(ctx context.Context, out io.Writer, target string) error {
	bucket, key, err := parse(target)
	if err != nil {
		return err
	}
	client, err := connect(ctx, io.Discard)
	if err != nil {
		return err
	}
	result, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return fmt.Errorf("get %s: %w", target, err)
	}
	defer result.Body.Close()
	_, err = io.Copy(out, result.Body)
	return err
}

// connect uses the SDK's defaults for everything but path-style addressing, which the SDK has no variable for.
func connect(ctx context.Context, out io.Writer) (*s3.Client, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("load AWS configuration: %w", err)
	}
	identity, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("get credentials: %w", err)
	}
	fmt.Fprintf(out, "identity from %s\n", identity.Source)
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = os.Getenv("AWS_ENDPOINT_URL_S3") != "" || os.Getenv("AWS_ENDPOINT_URL") != ""
	}), nil
}

func parse(target string) (bucket, key string, err error) {
	u, err := url.Parse(target)
	if err != nil {
		return "", "", err
	}
	key = strings.TrimPrefix(u.Path, "/")
	if u.Scheme != "s3" || u.Host == "" || key == "" {
		return "", "", fmt.Errorf("%q is not s3://BUCKET/KEY", target)
	}
	return u.Host, key, nil
}
