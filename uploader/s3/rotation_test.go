package s3_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/s3"
	"lighterman.dev/lighterman/uploader/storetest"
	"lighterman.dev/lighterman/uploader/transport"
)

var credential = regexp.MustCompile(`Credential=([^/]*)/`)

// newRotated opens a store that notes the access key of the last request, and refuses those that are revoked.
func newRotated(t *testing.T, auth uploader.Auth) (store *s3.Store, who *string, revoked map[string]bool) {
	t.Helper()
	who, revoked = new(string), map[string]bool{}
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		*who = credential.FindStringSubmatch(r.Header.Get("Authorization"))[1] + " " + r.Header.Get("X-Amz-Security-Token")
		if revoked[strings.Fields(*who)[0]] {
			refuse(w, http.StatusForbidden, "InvalidAccessKeyId")
		}
	})
	store, err := s3.New(
		uploader.S3{Bucket: "b", Region: "eu-west-1", Endpoint: url, ForcePathStyle: true, Auth: auth}, transport.Options{},
	)
	if err != nil {
		t.Fatal(err)
	}
	return store, who, revoked
}

// TestRotatedAccessKey replaces the files of an access key under a store that is in use.
func TestRotatedAccessKey(t *testing.T) {
	setDecoys(t)
	v := storetest.NewVolume(
		t, map[string]string{"aws-access-key-id": "first", "aws-secret-access-key": "s", "aws-session-token": "session"},
	)
	store, who, revoked := newRotated(t, uploader.Auth{Mode: "accessKey", SecretsDirectory: v.Dir})
	come := func(want string) {
		t.Helper()
		if err := store.Delete(t.Context(), "key", ""); err != nil || *who != want {
			t.Errorf("came as %q, want %q; %v", *who, want, err)
		}
	}
	come("first session")
	revoked["first"] = true
	if err := store.Delete(t.Context(), "key", ""); objstore.ClassOf(err) != objstore.Unauthenticated {
		t.Errorf("a key that is revoked: %v", err)
	}
	v.Replace(map[string]string{"aws-access-key-id": "second\n", "aws-secret-access-key": "s\n", "aws-session-token": ""})
	come("second ")
	v.Replace(map[string]string{"aws-access-key-id": "third", "aws-secret-access-key": ""})
	if err := store.Delete(t.Context(), "key", ""); objstore.ClassOf(err) != objstore.Misconfigured || !strings.Contains(err.Error(), "AWS_SECRET_ACCESS_KEY is empty") {
		t.Errorf("half a key: %v", err)
	}
	v.Replace(map[string]string{"aws-access-key-id": "third", "aws-secret-access-key": "s"})
	come("third ")
}

// TestRotatedCredentialsFile replaces a credentials file, in a volume and as a plain file.
func TestRotatedCredentialsFile(t *testing.T) {
	setDecoys(t)
	text := func(id string) string {
		return "[default]\naws_access_key_id = " + id + "\naws_secret_access_key = s\n"
	}
	v := storetest.NewVolume(t, map[string]string{"aws-credentials": text("first")})
	plain := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(plain, []byte(text("first")), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, replace := range map[string]func() error{
		filepath.Join(v.Dir, "aws-credentials"): func() error {
			v.Replace(map[string]string{"aws-credentials": text("the-second")})
			return nil
		},
		plain: func() error { return os.WriteFile(plain, []byte(text("the-second")), 0o600) },
	} {
		store, who, _ := newRotated(t, uploader.Auth{Mode: "credentialsFile", File: file})
		for _, want := range []string{"first ", "the-second "} {
			if err := store.Delete(t.Context(), "key", ""); err != nil || *who != want {
				t.Errorf("%s: came as %q, want %q; %v", file, *who, want, err)
			}
			if err := replace(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
