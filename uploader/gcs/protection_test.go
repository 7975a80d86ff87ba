package gcs_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/gcs"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

func bucketAt(t *testing.T, url string) *gcs.Store {
	t.Helper()
	store, err := gcs.New(
		uploader.GCS{Bucket: "b", Endpoint: url, Auth: uploader.Auth{Mode: "ambient"}}, transport.Options{},
	)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// TestProtection has the answers of cloud.google.com/storage/docs/json_api/v1/buckets. fake-gcs-server knows versioning
// alone.
func TestProtection(t *testing.T) {
	metadata(t)
	for name, test := range map[string]struct {
		says  string
		want  string
		locks bool
	}{
		"nothing": {`{}`, "versioning: off: an object that is deleted or replaced is gone, when soft delete ends; soft delete: off; retention of the bucket: none; retention of objects: off", false},
		"everything": {
			`{"versioning": {"enabled": true}, "softDeletePolicy": {"retentionDurationSeconds": "604800", "effectiveTime": "2024-03-01T00:00:00Z"},
			"retentionPolicy": {"retentionPeriod": "5400", "isLocked": true}, "objectRetention": {"mode": "Enabled"}}`,
			"versioning: on; soft delete: for 7 days; retention of the bucket: 1h30m0s, locked; retention of objects: on", true,
		},
		"a retention that may be shortened": {
			`{"softDeletePolicy": {"retentionDurationSeconds": "0"}, "retentionPolicy": {"retentionPeriod": "86400"}}`,
			"versioning: off: an object that is deleted or replaced is gone, when soft delete ends; soft delete: off; retention of the bucket: 1 days, not locked; retention of objects: off", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := bucketAt(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/storage/v1/b/b" {
					t.Errorf("asked for %s", r.URL)
				}
				fmt.Fprint(w, test.says)
			}))
			var lines []string
			locks := true
			for _, p := range store.Protection(t.Context(), objstore.Stored{}) {
				lines = append(lines, p.Name+": "+p.State)
				locks = locks && p.NoLock == ""
			}
			if got := strings.Join(lines, "; "); got != test.want || locks != test.locks {
				t.Errorf("got %s\nwant %s", got, test.want)
			}
		})
	}
	store := bucketAt(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
		respond(
			w, http.StatusForbidden, "forbidden",
			"x does not have storage.buckets.get access to the Google Cloud Storage bucket.",
		)
	}))
	got := store.Protection(t.Context(), objstore.Stored{})
	if len(got) != 1 || objstore.ClassOf(got[0].Err) != objstore.Denied || !strings.Contains(got[0].Permission, "storage.buckets.get") {
		t.Errorf("without leave: %+v", got)
	}
	store = bucketAt(t, serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "no JSON") }))
	if got := store.Protection(t.Context(), objstore.Stored{}); len(got) != 1 || got[0].Err == nil {
		t.Errorf("nonsense: %+v", got)
	}
}
