package main

import (
	"context"
	"fmt"
	"io"
	"net/url"

	"google.golang.org/api/storage/v1"
)

type gcsObject struct {
	service      *storage.Service
	bucket, name string
}

// openGCS uses application default credentials.
func openGCS(ctx context.Context, _ io.Writer, u *url.URL) (object, error) {
	service, err := storage.NewService(ctx)
	if err != nil {
		return nil, fmt.Errorf("get credentials: %w", err)
	}
	return &gcsObject{service: service, bucket: u.Host, name: key(u)}, nil
}

func (o *gcsObject) put(ctx context.Context, body io.ReadSeekCloser) (string, error) {
	result, err := o.service.Objects.Insert(o.bucket, &storage.Object{Name: o.name}).Media(body).Context(ctx).Do()
	if err != nil {
		return "", err
	}
	return result.Etag, nil
}

func (o *gcsObject) get(ctx context.Context) (io.ReadCloser, error) {
	response, err := o.service.Objects.Get(o.bucket, o.name).Context(ctx).Download()
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}
