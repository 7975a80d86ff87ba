package storetest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"lighterman.dev/lighterman/uploader/objstore"
)

// foreignAnswers are those of something that answers in the place of a store: a login page, a proxy, another server.
var foreignAnswers = map[string]http.HandlerFunc{
	"an empty answer": func(http.ResponseWriter, *http.Request) {},
	"a page": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, "<!DOCTYPE html>\n<html><title>Accept the terms of use</title></html>")
	},
	"a page that was created": func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, "<html><title>Accept the terms of use</title></html>")
	},
	"a page with an ETag": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"5f3e-1a2b"`)
		io.WriteString(w, "<html><title>Accept the terms of use</title></html>")
	},
	"a login": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://127.0.0.1:1/login?token=secret")
		w.WriteHeader(http.StatusFound)
		io.WriteString(w, "<html>Moved</html>")
	},
	"another place": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://127.0.0.1:1/elsewhere?token=secret")
		w.WriteHeader(http.StatusCreated)
	},
}

// foreignClasses are those of the errors: the caller asks again, or begins its upload again.
var foreignClasses = []objstore.Class{objstore.Unknown, objstore.Transient, objstore.NoUpload}

// harmless are the methods and answers that may be believed.
var harmless = map[string]bool{
	"Delete/an empty answer": true, "Abort/an empty answer": true,
	"Delete/another place": true, "Abort/another place": true,
	"List/an empty answer": true, "List/another place": true,
	"Unfinished/an empty answer": true, "Unfinished/another place": true,
	"Open/a page with an ETag": true, "Stat/a page with an ETag": true,
}

// ForeignOptions are what Foreign needs of a store.
type ForeignOptions struct {
	// Open opens the store at an address.
	Open func(t *testing.T, url string) objstore.Store
	// Upload returns the ID of an upload in parts that the store at an address might have begun, and Parts are parts of it.
	Upload func(url string) string
	Parts  []objstore.Part
	// Silent are the methods that ask the store nothing.
	Silent []string
}

// Foreign checks that no method of a store believes an answer which something else than a store gives. Delete, Abort and the
// listings may believe an empty one: what they leave is harmless. Open and Stat may return a page that has an ETag: whoever asks
// compares it.
func Foreign(t *testing.T, o ForeignOptions) {
	t.Helper()
	for what, answer := range foreignAnswers {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			answer(w, r)
		}))
		t.Cleanup(server.Close)
		for name, do := range methods(o.Upload(server.URL), o.Parts) {
			if slices.Contains(o.Silent, name) {
				continue
			}
			t.Run(name+"/"+what, func(t *testing.T) {
				checkForeign(t, name+"/"+what, do(t.Context(), o.Open(t, server.URL)))
			})
		}
	}
}

// checkForeign checks the error of a method that something else than a store has answered.
func checkForeign(t *testing.T, name string, err error) {
	t.Helper()
	if err == nil {
		if !harmless[name] {
			t.Error("it is believed")
		}
		return
	}
	if strings.Contains(err.Error(), "token=secret") || objstore.CureOf(err) == "" {
		t.Errorf("got %v: %s", err, objstore.CureOf(err))
	}
	if class := objstore.ClassOf(err); !slices.Contains(foreignClasses, class) {
		t.Errorf("%v is %s", err, class)
	}
}

// methods call each method of a store that sends a request.
func methods(id string, parts []objstore.Part) map[string]func(context.Context, objstore.Store) error {
	o := &objstore.Object{Key: "key"}
	body := objstore.Body{ReaderAt: strings.NewReader("content"), Size: 7}
	return map[string]func(context.Context, objstore.Store) error{
		"Put": func(ctx context.Context, store objstore.Store) error {
			_, err := store.Put(ctx, o, body)
			return err
		},
		"Stat": func(ctx context.Context, store objstore.Store) error {
			_, err := store.Stat(ctx, o.Key)
			return err
		},
		"Open": func(ctx context.Context, store objstore.Store) error {
			r, err := store.Open(ctx, o.Key, "")
			if err != nil {
				return err
			}
			return r.Close()
		},
		"Delete": func(ctx context.Context, store objstore.Store) error { return store.Delete(ctx, o.Key, "") },
		"Abort":  func(ctx context.Context, store objstore.Store) error { return store.Abort(ctx, o, id) },
		"Begin": func(ctx context.Context, store objstore.Store) error {
			_, err := store.Begin(ctx, o)
			return err
		},
		"PutPart": func(ctx context.Context, store objstore.Store) error {
			_, err := store.PutPart(ctx, o, id, 1, body)
			return err
		},
		"Complete": func(ctx context.Context, store objstore.Store) error {
			_, err := store.Complete(ctx, o, id, parts)
			return err
		},
		"Unfinished": func(ctx context.Context, store objstore.Store) error {
			for _, err := range store.Unfinished(ctx, "") {
				return err
			}
			return nil
		},
		"List": func(ctx context.Context, store objstore.Store) error {
			for _, err := range store.List(ctx, "", 1) {
				return err
			}
			return nil
		},
	}
}
