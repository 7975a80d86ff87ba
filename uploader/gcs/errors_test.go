package gcs_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/gcs"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func respond(w http.ResponseWriter, status int, reason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error": {"code": %d, "message": %q, "errors": [{"reason": %q}]}}`, status, message, reason)
}

// metadata is a metadata server, for tests of what the store says.
func metadata(t *testing.T) {
	t.Helper()
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"access_token": "node", "expires_in": 3600, "token_type": "Bearer"}`)
	})
	t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(url, "http://"))
}

func TestClasses(t *testing.T) {
	metadata(t)
	for _, test := range []struct {
		status          int
		reason, message string
		class           objstore.Class
		cure            string
	}{
		{429, "rateLimitExceeded", "", objstore.Throttled, ""},
		{403, "userRateLimitExceeded", "", objstore.Throttled, ""},
		{503, "backendError", "", objstore.Transient, ""},
		{500, "internalError", "", objstore.Transient, ""},
		{408, "", "", objstore.Transient, ""},
		{401, "authError", "Invalid Credentials", objstore.Expired, ""},
		{403, "forbidden", "x does not have storage.objects.create access", objstore.Denied, "roles/storage.objectUser"},
		{403, "accountDisabled", "", objstore.Denied, "billing"},
		{403, "retentionPolicyNotMet", "", objstore.Exists, "retention"},
		{404, "notFound", "The specified bucket does not exist.", objstore.NoBucket, "create the bucket"},
		{404, "notFound", "Not Found", objstore.NoBucket, "create the bucket"},
		{412, "conditionNotMet", "", objstore.Exists, ""},
		{400, "invalid", "Provided CRC32C \"x\" doesn't match calculated CRC32C", objstore.Corrupt, ""},
		{400, "invalid", "Invalid storage class", objstore.Invalid, ""},
		{418, "", "", objstore.Unknown, ""},
	} {
		t.Run(fmt.Sprint(test.status, test.reason), func(t *testing.T) {
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				respond(w, test.status, test.reason, test.message)
			})
			store, err := gcs.New(
				uploader.GCS{Bucket: "b", Endpoint: url, Auth: uploader.Auth{Mode: "ambient"}}, transport.Options{},
			)
			if err != nil {
				t.Fatal(err)
			}
			_, err = store.Put(
				t.Context(), &objstore.Object{Key: "key"}, objstore.Body{ReaderAt: strings.NewReader("x"), Size: 1},
			)
			fault, ok := errors.AsType[*objstore.Error](err)
			if !ok || fault.Class != test.class || !strings.Contains(fault.Cure, test.cure) {
				t.Errorf("got %+v, want %s with a cure that says %q", fault, test.class, test.cure)
			}
		})
	}
}

func write(t *testing.T, content any) string {
	t.Helper()
	text, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func privateKey(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// files are credential files whose tokens come from a token service here.
func files(t *testing.T, tokens string) map[string]string {
	t.Helper()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("the token"), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"serviceAccountKey": write(t, map[string]string{
			"type": "service_account", "client_email": "a@p.iam.gserviceaccount.com", "private_key": privateKey(t), "token_uri": tokens,
		}),
		"workloadIdentityFederation": write(t, map[string]any{
			"type": "external_account", "audience": "//iam.googleapis.com/x", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
			"token_url": tokens, "credential_source": map[string]string{"file": token},
		}),
	}
}

// TestModes checks that each auth mode takes its own identity, whatever else lies about.
func TestModes(t *testing.T) {
	metadata(t)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "/decoy")
	given := 0
	tokens := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		given++
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(
			w, `{"access_token": "%s%d", "expires_in": 3600, "token_type": "Bearer"}`, r.Form.Get("subject_token"), given,
		)
	})
	files := files(t, tokens)
	for mode, test := range map[string]struct{ want, giver string }{
		"serviceAccountKey":          {"Bearer ", "Google's OAuth, for the key"},
		"workloadIdentityFederation": {"Bearer the token", "Google's STS, and IAM where a service account is named"},
		"gkeWorkloadIdentity":        {"Bearer node", "GKE's metadata server"},
		"ambient":                    {"Bearer node", "the metadata server"},
	} {
		t.Run(mode, func(t *testing.T) {
			given = 0
			var who string
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if who = r.Header.Get("Authorization"); given == 1 {
					respond(w, http.StatusUnauthorized, "authError", "Invalid Credentials")
				}
			})
			store, err := gcs.New(
				uploader.GCS{Bucket: "b", Endpoint: url, Auth: uploader.Auth{Mode: mode, File: files[mode]}}, transport.Options{},
			)
			if err != nil {
				t.Fatal(err)
			}
			err = store.Delete(t.Context(), "key", "")
			if files[mode] != "" && objstore.ClassOf(err) != objstore.Expired {
				t.Errorf("a token that is refused: %v", err)
			}
			if err := store.Delete(t.Context(), "key", ""); err != nil || !strings.HasPrefix(who, test.want) {
				t.Errorf("came as %q, want %q; %v", who, test.want, err)
			}
			if got, err := store.Authenticate(t.Context()); err != nil || got.From != test.giver || got.Expires.Before(time.Now()) {
				t.Errorf("given by %+v, want %q; %v", got, test.giver, err)
			}
		})
	}
}

// TestKeyOfAnotherUniverse has a key of a universe in which no token is given in exchange for it: it signs one itself.
func TestKeyOfAnotherUniverse(t *testing.T) {
	tokens := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the token service is asked") })
	file := write(t, map[string]string{
		"type": "service_account", "client_email": "a@p.s3ns.iam.gserviceaccount.com", "private_key": privateKey(t), "private_key_id": "k1",
		"token_uri": tokens, "universe_domain": "s3nsapis.fr",
	})
	var who string
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) { who = r.Header.Get("Authorization") })
	store, err := gcs.New(
		uploader.GCS{Bucket: "b", Endpoint: url, Auth: uploader.Auth{Mode: "serviceAccountKey", File: file}}, transport.Options{},
	)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Delete(t.Context(), "key", ""); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(strings.TrimPrefix(who, "Bearer "), ".")
	if len(parts) != 3 {
		t.Fatalf("came as %q", who)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if want := `"iss":"a@p.s3ns.iam.gserviceaccount.com"`; err != nil || !strings.Contains(string(text), want) ||
		!strings.Contains(string(text), "devstorage.read_write") {
		t.Errorf("the token says %s: %v", text, err)
	}
	if got, err := store.Authenticate(t.Context()); err != nil || got.Expires.Before(time.Now()) {
		t.Errorf("given by %+v; %v", got, err)
	}
}

// TestTokenServiceRefuses has no token given.
func TestTokenServiceRefuses(t *testing.T) {
	for status, want := range map[int]objstore.Class{
		400: objstore.Unauthenticated, 401: objstore.Unauthenticated, 403: objstore.Denied, 429: objstore.Throttled, 503: objstore.Transient,
	} {
		tokens := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, `{"error": "invalid_grant", "error_description": "No."}`)
		})
		for mode, file := range files(t, tokens) {
			store, err := gcs.New(uploader.GCS{Bucket: "b", Auth: uploader.Auth{Mode: mode, File: file}}, transport.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.Stat(t.Context(), "key"); objstore.ClassOf(err) != want {
				t.Errorf("%s: %d: got %s: %v, want %s", mode, status, objstore.ClassOf(err), err, want)
			}
			if _, err := store.Authenticate(t.Context()); objstore.ClassOf(err) != want {
				t.Errorf("%s: %d: the exchange alone: got %s: %v, want %s", mode, status, objstore.ClassOf(err), err, want)
			}
		}
	}
}

func TestSettings(t *testing.T) {
	metadata(t)
	var got string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = r.URL.String() + string(body)
		w.Header().Set("Location", "http://127.0.0.1:1/session")
	})
	store, err := gcs.New(
		uploader.GCS{Bucket: "b", Endpoint: url, Auth: uploader.Auth{Mode: "ambient"}}, transport.Options{},
	)
	if err != nil {
		t.Fatal(err)
	}
	o := &objstore.Object{
		Key: "a key", ContentType: "text/plain", Metadata: map[string]string{"run-id": "7"}, StorageClass: "NEARLINE",
		Encryption: "KMS", KMSKeyID: "projects/p/k", Retention: &objstore.Retention{Compliance: true},
	}
	if _, err := store.Begin(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"ifGenerationMatch=0", "kmsKeyName=projects%2Fp%2Fk", "name=a+key", `"storageClass":"NEARLINE"`, `"run-id":"7"`,
		`"mode":"Locked"`, `"contentType":"text/plain"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
	for _, bad := range []objstore.Object{{Tags: map[string]string{"a": "b"}}, {Encryption: "KMS"}} {
		if _, err := store.Begin(t.Context(), &bad); objstore.ClassOf(err) != objstore.Invalid {
			t.Errorf("%+v: got %v", bad, err)
		}
	}
}

func TestModeIsWrong(t *testing.T) {
	user := write(t, map[string]string{"type": "authorized_user"})
	for _, test := range []struct {
		auth uploader.Auth
		want string
	}{
		{uploader.Auth{Mode: "none"}, "gcs.auth.mode"},
		{uploader.Auth{Mode: "serviceAccountKey", File: "/does/not/exist"}, "/does/not/exist"},
		{uploader.Auth{Mode: "serviceAccountKey", File: user}, "service_account"},
		{uploader.Auth{Mode: "workloadIdentityFederation", File: user}, "external_account"},
	} {
		if _, err := gcs.New(uploader.GCS{Bucket: "b", Auth: test.auth}, transport.Options{}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, want %s", test.auth, err, test.want)
		}
	}
}
