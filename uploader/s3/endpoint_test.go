package s3_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestEndpointWithPath holds that a path of the store's own stays before the bucket.
func TestEndpointWithPath(t *testing.T) {
	var paths []string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.Method+" "+r.URL.Path)
		refuse(w, http.StatusNotFound, "NoSuchKey")
	})
	if _, err := open(t, url+"/storage/v1/s3").Stat(t.Context(), "dumps/a"); err == nil {
		t.Error("there is an object")
	}
	if want := "HEAD /storage/v1/s3/backups/dumps/a"; len(paths) == 0 || strings.Join(paths, ", ") != want {
		t.Errorf("asked for %q, want %s", paths, want)
	}
}
