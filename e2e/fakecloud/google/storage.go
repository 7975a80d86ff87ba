package google

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
)

const storageHost = "storage.googleapis.com"

// Storage checks tokens and roles in front of the emulator, which checks nothing.
type Storage struct {
	Tokens
	// Next is the emulator.
	Next http.Handler
}

func (s *Storage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	principal, refused := s.bearer(r)
	if refused == nil {
		refused = s.authorize(principal, r)
	}
	if refused != nil {
		slog.Info("Cloud Storage refuses", "principal", principal, "method", r.Method, "path", r.URL.Path, "error", refused)
		refused.write(w)
		return
	}
	s.Next.ServeHTTP(w, r)
}

func (s *Storage) authorize(principal string, r *http.Request) *apiError {
	if r.URL.Path == "/batch/storage/v1" {
		return s.authorizeBatch(principal, r)
	}
	path := r.URL.EscapedPath()
	if name, ok := strings.CutSuffix(r.Host, "."+storageHost); ok {
		path = "/" + name + path
	}
	return s.authorizeOne(principal, r.Method, path)
}

func (s *Storage) authorizeOne(principal, method, path string) *apiError {
	needs, ok := needsOf(method, path)
	if !ok {
		return &apiError{http.StatusForbidden, "PERMISSION_DENIED", fmt.Sprintf("%s %s is not served here.", method, path)}
	}
	for _, n := range needs {
		if !s.may(principal, n) {
			return &apiError{http.StatusForbidden, "PERMISSION_DENIED", fmt.Sprintf(
				"%s does not have %s access to the Google Cloud Storage bucket %s. Permission '%s' denied on resource (or it may not exist).",
				principal, n.permission, n.bucket, n.permission)}
		}
	}
	return nil
}

// authorizeBatch looks at each request of a batch, and puts the body back.
func (s *Storage) authorizeBatch(principal string, r *http.Request) *apiError {
	invalid := func(err error) *apiError {
		return &apiError{http.StatusBadRequest, "INVALID_ARGUMENT", "Read batch: " + err.Error()}
	}
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return invalid(err)
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 10<<20))
	if err != nil {
		return invalid(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return invalid(err)
		}
		inner, err := http.ReadRequest(bufio.NewReader(part))
		if err != nil {
			return invalid(err)
		}
		if refused := s.authorizeOne(principal, inner.Method, inner.URL.EscapedPath()); refused != nil {
			return refused
		}
	}
}
