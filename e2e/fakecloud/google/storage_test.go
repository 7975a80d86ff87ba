package google

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"lighterman.dev/lighterman/e2e/fakecloud/directory"
)

const storageURL = "https://" + storageHost

func newStorage(t *testing.T) *Storage {
	t.Helper()
	tokens := newTokens(t, directory.Entries{BucketRoles: []directory.BucketRole{
		{Principal: "creator", Bucket: "mine", Role: "roles/storage.objectCreator"},
		{Principal: "viewer", Bucket: "mine", Role: "roles/storage.objectViewer"},
		{Principal: "user", Bucket: "mine", Role: "roles/storage.objectUser"},
		{Principal: "user", Bucket: "mine", Role: "roles/storage.legacyBucketReader"},
		{Principal: "admin", Role: "roles/storage.admin"},
	}})
	return &Storage{Tokens: tokens, Next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.Copy(w, r.Body)
	})}
}

func TestStorageChecksRoles(t *testing.T) {
	s := newStorage(t)
	const ok, no = http.StatusTeapot, http.StatusForbidden
	tests := []struct {
		principal, method, url string
		want                   int
	}{
		{"creator", http.MethodPost, "/upload/storage/v1/b/mine/o?uploadType=multipart", ok},
		{"creator", http.MethodPost, "/upload/storage/v1/b/other/o?uploadType=multipart", no},
		{"creator", http.MethodPut, "/mine/dir/object", ok},
		{"creator", http.MethodGet, "/mine/dir/object", no},
		{"creator", http.MethodDelete, "/storage/v1/b/mine/o/dir%2Fobject", no},
		{"viewer", http.MethodGet, "/storage/v1/b/mine/o?prefix=x", ok},
		{"viewer", http.MethodGet, "/storage/v1/b/mine/o/dir%2Fobject?alt=media", ok},
		{"viewer", http.MethodHead, "/mine/dir/object", ok},
		{"viewer", http.MethodPost, "/upload/storage/v1/b/mine/o", no},
		{"viewer", http.MethodGet, "/storage/v1/b/mine", no},
		{"user", http.MethodGet, "/storage/v1/b/mine", ok},
		{"user", http.MethodDelete, "/storage/v1/b/mine/o/object", ok},
		{"user", http.MethodPatch, "/storage/v1/b/mine/o/object", ok},
		{"user", http.MethodPost, "/storage/v1/b/mine/o/object/compose", ok},
		{"user", http.MethodPost, "/storage/v1/b/mine/o/object/rewriteTo/b/mine/o/copy", ok},
		{"user", http.MethodPost, "/storage/v1/b/mine/o/object/rewriteTo/b/other/o/copy", no},
		{"user", http.MethodPost, "/storage/v1/b/other/o/object/rewriteTo/b/mine/o/copy", no},
		{"user", http.MethodPost, "/storage/v1/b?project=p", no},
		{"user", http.MethodDelete, "/storage/v1/b/mine", no},
		{"user", http.MethodPut, "/_internal/config", no},
		{"admin", http.MethodPost, "/storage/v1/b?project=p", ok},
		{"admin", http.MethodGet, "/storage/v1/b/other/o", ok},
		{"nobody", http.MethodGet, "/storage/v1/b/mine/o", no},
	}
	for _, test := range tests {
		name := fmt.Sprintf("%s %s %s", test.principal, test.method, test.url)
		if got := s.ask(t, s.mustIssue(t, test.principal, time.Minute), test.method, storageURL+test.url, "", ""); got.Code != test.want {
			t.Errorf("%s: status %d, want %d: %s", name, got.Code, test.want, got.Body)
		}
	}
	if got := s.ask(t, s.mustIssue(t, "viewer", time.Minute), http.MethodGet, "https://mine."+storageHost+"/object", "", ""); got.Code != ok {
		t.Errorf("a bucket's own host name: status %d", got.Code)
	}
}

func TestStorageChecksTokens(t *testing.T) {
	s, other := newStorage(t), newStorage(t)
	for name, token := range map[string]string{
		"none": "", "of another authority": other.mustIssue(t, "admin", time.Minute), "old": s.mustIssue(t, "admin", -time.Minute), "a guess": "guess",
	} {
		got := s.ask(t, token, http.MethodGet, storageURL+"/storage/v1/b/mine/o", "", "")
		if got.Code != http.StatusUnauthorized || got.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("token %s: status %d", name, got.Code)
		}
	}
}

func TestStorageChecksBatches(t *testing.T) {
	s := newStorage(t)
	batch := func(paths ...string) string {
		var body strings.Builder
		for _, path := range paths {
			fmt.Fprintf(&body, "--cut\r\nContent-Type: application/http\r\n\r\nDELETE %s HTTP/1.1\r\nHost: %s\r\n\r\n\r\n", path, storageHost)
		}
		return body.String() + "--cut--\r\n"
	}
	tests := map[string]struct {
		body string
		want int
	}{
		"all allowed":  {batch("/storage/v1/b/mine/o/a", "/storage/v1/b/mine/o/b"), http.StatusTeapot},
		"one not":      {batch("/storage/v1/b/mine/o/a", "/storage/v1/b/other/o/b"), http.StatusForbidden},
		"not requests": {"--cut\r\n\r\nguess\r\n--cut--\r\n", http.StatusBadRequest},
	}
	for name, test := range tests {
		got := s.ask(t, s.mustIssue(t, "user", time.Minute), http.MethodPost, storageURL+"/batch/storage/v1", "multipart/mixed; boundary=cut", test.body)
		if got.Code != test.want || got.Code == http.StatusTeapot && got.Body.String() != test.body {
			t.Errorf("%s: status %d, want %d: %s", name, got.Code, test.want, got.Body)
		}
	}
}

func (s *Storage) ask(t *testing.T, bearer, method, url, kind, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestCheckRoles(t *testing.T) {
	if err := CheckRoles([]directory.BucketRole{{Role: "roles/storage.objectUser"}}); err != nil {
		t.Error(err)
	}
	if err := CheckRoles([]directory.BucketRole{{Principal: "me", Role: "roles/owner"}}); err == nil {
		t.Error("an unknown role is taken")
	}
}
