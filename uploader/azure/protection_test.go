package azure_test

import (
	"net/http"
	"strings"
	"testing"

	"lighterman.dev/lighterman/uploader/objstore"
)

// TestProtection has the headers of learn.microsoft.com/rest/api/storageservices/get-container-properties. Azurite knows
// neither versions nor immutability.
func TestProtection(t *testing.T) {
	const (
		perVersion = "X-Ms-Immutable-Storage-With-Versioning-Enabled"
		policy     = "X-Ms-Has-Immutability-Policy"
		hold       = "X-Ms-Has-Legal-Hold"
	)
	for name, test := range map[string]struct {
		headers map[string]string
		version string
		want    [2]string
		locks   bool
	}{
		"nothing": {
			map[string]string{perVersion: "false", policy: "false", hold: "false"}, "", [2]string{"off: ", "none"}, false,
		},
		"an old API": {nil, "", [2]string{"off: ", "none"}, false},
		"versions and their immutability": {
			map[string]string{perVersion: "true"}, "2026-01-01T00:00:00.0000000Z", [2]string{"on", "of each version"}, true,
		},
		"a container that is held": {
			map[string]string{perVersion: "false", policy: "true", hold: "true"}, "", [2]string{
				"off: ", "a policy of the container, a legal hold",
			}, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := open(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("restype") != "container" {
					t.Errorf("asked for %s", r.URL)
				}
				for header, value := range test.headers {
					w.Header().Set(header, value)
				}
			}))
			got := store.Protection(t.Context(), objstore.Stored{Version: test.version})
			if len(got) != 2 || !strings.HasPrefix(got[0].State, test.want[0]) || got[1].State != test.want[1] || (got[1].NoLock == "") != test.locks {
				t.Errorf("got %+v", got)
			}
		})
	}
	store := open(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
		refuse(
			w, http.StatusForbidden, "AuthorizationPermissionMismatch",
			"This request is not authorized to perform this operation using this permission.",
		)
	}))
	if got := store.Protection(t.Context(), objstore.Stored{}); objstore.ClassOf(got[1].Err) != objstore.Denied || got[1].NoLock != "" {
		t.Errorf("without leave: %+v", got)
	}
}
