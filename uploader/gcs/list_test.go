package gcs_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/gcs"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// TestListGoesOn lists a bucket of several pages, of which one is empty: Google may answer so
// (cloud.google.com/storage/docs/json_api/v1/objects/list, nextPageToken).
func TestListGoesOn(t *testing.T) {
	pages := map[string]string{
		"":    `{"items": [{"name": "p/a", "size": "1", "updated": "2026-11-29T10:00:00Z"}], "nextPageToken": "two"}`,
		"two": `{"nextPageToken": "&3"}`,
		"&3":  `{"items": [{"name": "p/b", "size": "2"}, {"name": "p/c", "size": "2"}]}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		switch {
		case strings.HasPrefix(r.URL.Path, "/computeMetadata/"):
			fmt.Fprint(w, `{"access_token": "node", "expires_in": 3600, "token_type": "Bearer"}`)
		case q.Get("prefix") != "p/":
			w.WriteHeader(http.StatusForbidden)
		default:
			fmt.Fprint(w, pages[q.Get("pageToken")])
		}
	}))
	t.Cleanup(server.Close)
	t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(server.URL, "http://"))
	store, err := gcs.New(uploader.GCS{
		Bucket: "b", Endpoint: server.URL, Auth: uploader.Auth{Mode: "gkeWorkloadIdentity"},
	}, transport.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int][]string{0: {"p/a", "p/b", "p/c"}, 2: {"p/a", "p/b"}} {
		var got []string
		for o, err := range store.List(t.Context(), "p/", limit) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, o.Key)
		}
		if !slices.Equal(got, want) {
			t.Errorf("at most %d: got %q, want %q", limit, got, want)
		}
	}
	for _, err := range store.List(t.Context(), "elsewhere/", 1) {
		if objstore.ClassOf(err) != objstore.Denied {
			t.Errorf("got %v, want an error of class Denied", err)
		}
	}
}
