package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
)

// object is one object of a store, or the place for one.
type object interface {
	put(ctx context.Context, body io.ReadSeekCloser) (etag string, err error)
	get(ctx context.Context) (io.ReadCloser, error)
}

// openers make an object of a URL and the environment. What they learn of the identity they print.
var openers = map[string]func(ctx context.Context, out io.Writer, u *url.URL) (object, error){
	"s3":    openS3,
	"gs":    openGCS,
	"https": openBlob,
}

func open(ctx context.Context, out io.Writer, target string) (object, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	opener, ok := openers[u.Scheme]
	if !ok || u.Host == "" || key(u) == "" {
		return nil, fmt.Errorf("%q is not s3://BUCKET/KEY, gs://BUCKET/KEY or https://ACCOUNT.blob.core.windows.net/CONTAINER/KEY", target)
	}
	return opener(ctx, out, u)
}

func key(u *url.URL) string { return strings.TrimPrefix(u.Path, "/") }

func put(ctx context.Context, out io.Writer, target, text, file string) error {
	o, err := open(ctx, out, target)
	if err != nil {
		return err
	}
	body := io.ReadSeekCloser(nopCloser{strings.NewReader(text)})
	if file != "" {
		if body, err = os.Open(file); err != nil {
			return err
		}
	}
	defer body.Close()
	etag, err := o.put(ctx, body)
	if err != nil {
		return fmt.Errorf("put %s: %w", target, err)
	}
	fmt.Fprintf(out, "put %s etag %s\n", target, etag)
	return nil
}

func get(ctx context.Context, out io.Writer, target string) error {
	o, err := open(ctx, io.Discard, target)
	if err != nil {
		return err
	}
	body, err := o.get(ctx)
	if err != nil {
		return fmt.Errorf("get %s: %w", target, err)
	}
	defer body.Close()
	_, err = io.Copy(out, body)
	return err
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }
