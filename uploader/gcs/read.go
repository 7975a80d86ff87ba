package gcs

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// Stat describes an object.
func (s *Store) Stat(ctx context.Context, key string) (objstore.Stored, error) {
	answer, err := s.sendRequest(ctx, s.objectRequest(http.MethodGet, key, ""))
	if err != nil {
		return objstore.Stored{}, s.wrapError(ctx, "describe", key, err)
	}
	found, err := readStored(ctx, key, answer)
	return found, s.wrapError(ctx, "describe", key, err)
}

// Open reads an object.
func (s *Store) Open(ctx context.Context, key, version string) (io.ReadCloser, error) {
	r := s.objectRequest(http.MethodGet, key, version)
	r.query.Set("alt", "media")
	answer, err := s.sendRequest(ctx, r) //nolint:bodyclose // The caller closes it.
	if err != nil {
		return nil, s.wrapError(ctx, "read", key, err)
	}
	return transport.ClassifyReads(ctx, answer.Body), nil
}

// Delete removes an object.
func (s *Store) Delete(ctx context.Context, key, version string) error {
	answer, err := s.sendRequest(ctx, s.objectRequest(http.MethodDelete, key, version))
	if err == nil {
		return answer.Body.Close()
	}
	if err = s.wrapError(ctx, "delete", key, err); objstore.ClassOf(err) == objstore.NotFound {
		return nil
	}
	return err
}

// objectRequest returns a request for an object, or for one version of it.
func (s *Store) objectRequest(method, key, version string) request {
	r := request{method: method, url: s.objectsURL + "/" + url.PathEscape(key), query: url.Values{}}
	if version != "" {
		r.query.Set("generation", version)
	}
	return r
}
