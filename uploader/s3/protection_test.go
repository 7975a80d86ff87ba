package s3_test

import (
	"fmt"
	"net/http"
	"testing"

	"lighterman.dev/lighterman/uploader/objstore"
)

// TestProtection has the answers of docs.aws.amazon.com/AmazonS3/latest/API: API_GetBucketVersioning and
// API_GetObjectLockConfiguration.
func TestProtection(t *testing.T) {
	const document = `<?xml version="1.0" encoding="UTF-8"?><%[1]s xmlns="http://s3.amazonaws.com/doc/2006-03-01/">%[2]s</%[1]s>`
	versioning := func(status string) string {
		return fmt.Sprintf(document, "VersioningConfiguration", status)
	}
	lock := func(rule string) string {
		return fmt.Sprintf(document, "ObjectLockConfiguration", "<ObjectLockEnabled>Enabled</ObjectLockEnabled>"+rule)
	}
	const retention = "<Rule><DefaultRetention><Mode>%s</Mode>%s</DefaultRetention></Rule>"
	for name, test := range map[string]struct {
		versioning, lock string // "404 Code" is a refusal.
		wantVersioning   string
		wantLock         string
		locks            bool
	}{
		"everything, for days": {
			versioning("<Status>Enabled</Status>"), lock(fmt.Sprintf(retention, "COMPLIANCE", "<Days>30</Days>")), "on",
			"on, by default COMPLIANCE for 30 days", true,
		},
		"for years": {
			versioning("<Status>Enabled</Status>"), lock(fmt.Sprintf(retention, "GOVERNANCE", "<Years>7</Years>")), "on",
			"on, by default GOVERNANCE for 7 years", true,
		},
		"a lock without a rule": {
			versioning("<Status>Enabled</Status>"), lock(""), "on",
			"on, without a default: objects are locked where uploader.objectLock is set", true,
		},
		"versions, suspended": {
			versioning("<Status>Suspended</Status>"), "404 ObjectLockConfigurationNotFoundError",
			"suspended: an object written since, and then deleted or replaced, is gone", "off", false,
		},
		"nothing": {
			versioning(""), "404 ObjectLockConfigurationNotFoundError", "off: an object that is deleted or replaced is gone",
			"off", false,
		},
		"an empty answer": {
			versioning(""), fmt.Sprintf(document, "ObjectLockConfiguration", ""),
			"off: an object that is deleted or replaced is gone", "off", false,
		},
		"no leave to see it": {
			"403 AccessDenied", "403 AccessDenied", "Denied s3:GetBucketVersioning",
			"Denied s3:GetBucketObjectLockConfiguration", true,
		},
		"a store without them": {
			"501 NotImplemented", "501 NotImplemented", "Invalid s3:GetBucketVersioning",
			"Invalid s3:GetBucketObjectLockConfiguration", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := open(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
				text := test.versioning
				if r.URL.Query().Has("object-lock") {
					text = test.lock
				}
				var status int
				var code string
				if n, _ := fmt.Sscanf(text, "%d %s", &status, &code); n == 2 {
					refuse(w, status, code)
					return
				}
				fmt.Fprint(w, text)
			}))
			got := store.Protection(t.Context(), objstore.Stored{})
			if len(got) != 2 || nilIfEmpty(got[0]) != test.wantVersioning || nilIfEmpty(got[1]) != test.wantLock || (got[1].NoLock == "") != test.locks {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// nilIfEmpty is what a Protection says, or why it cannot.
func nilIfEmpty(p objstore.Protection) string {
	if p.Err != nil {
		return string(objstore.ClassOf(p.Err)) + " " + p.Permission
	}
	return p.State
}
