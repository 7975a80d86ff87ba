package azure_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/azure"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

func open(t *testing.T, url string) *azure.Store {
	t.Helper()
	t.Setenv("AZURE_STORAGE_SAS_TOKEN", "?sv=1&sig=x")
	store, err := azure.New(uploader.Azure{
		Container: "backups", Endpoint: url + "/acct", Auth: uploader.Auth{Mode: "sasToken"},
	}, transport.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// refuse answers as Blob Storage does.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("X-Ms-Error-Code", code)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(
		w, "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>%s\nRequestId:1</Message></Error>", code, message,
	)
}

func TestClasses(t *testing.T) {
	for _, test := range []struct {
		status        int
		code, message string
		class         objstore.Class
		cure          string
	}{
		{503, "ServerBusy", "Busy.", objstore.Throttled, ""},
		{500, "OperationTimedOut", "", objstore.Transient, ""},
		{500, "InternalError", "", objstore.Transient, ""},
		{502, "", "", objstore.Transient, ""},
		{404, "ContainerNotFound", "", objstore.NoBucket, "create the container"},
		{409, "ContainerBeingDeleted", "", objstore.NoBucket, ""},
		{412, "ConditionNotMet", "", objstore.Exists, ""},
		{403, "UnauthorizedBlobOverwrite", "", objstore.Exists, ""},
		{400, "Md5Mismatch", "", objstore.Corrupt, ""},
		{400, "Crc64Mismatch", "", objstore.Corrupt, ""},
		{400, "InvalidBlockList", "", objstore.NoUpload, ""},
		{400, "InvalidBlobOrBlock", "", objstore.Invalid, "week"},
		{403, "AuthenticationFailed", "Signature did not match.", objstore.Unauthenticated, "Secret"},
		{
			403, "AuthenticationFailed", "Signature not valid in the specified time frame: Expiry", objstore.Expired,
			"SAS token",
		},
		{403, "AuthenticationFailed", "Request date header too old", objstore.ClockSkew, ""},
		{401, "InvalidAuthenticationInfo", "Lifetime validation failed. The token is expired.", objstore.Expired, ""},
		{401, "NoAuthenticationInformation", "", objstore.Unauthenticated, ""},
		{403, "AuthorizationPermissionMismatch", "", objstore.Denied, "Storage Blob Data Contributor"},
		{403, "AuthorizationFailure", "", objstore.Denied, "firewall"},
		{400, "InvalidBlobTier", "", objstore.Invalid, "storageClass"},
		{418, "Teapot", "", objstore.Unknown, ""},
	} {
		t.Run(test.code+" "+test.message, func(t *testing.T) {
			store := open(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				refuse(w, test.status, test.code, test.message)
			}))
			_, err := store.PutPart(
				t.Context(), &objstore.Object{Key: "a/key"}, "0123456789abcdef", 1,
				objstore.Body{ReaderAt: strings.NewReader("x"), Size: 1},
			)
			fault, ok := errors.AsType[*objstore.Error](err)
			if !ok || fault.Class != test.class || !strings.Contains(fault.Cure, test.cure) {
				t.Fatalf("got %+v, want %s with a cure that says %q", fault, test.class, test.cure)
			}
			if text := err.Error(); !strings.HasPrefix(text, "upload a part of a/key: ") || strings.Contains(text, "\n") || len(text) > 200 || strings.Contains(text, "sig=") {
				t.Errorf("it says %q", text)
			}
		})
	}
}

// TestStatusesWithoutBody asks with HEAD: the code is in a header.
func TestStatusesWithoutBody(t *testing.T) {
	for code, want := range map[string]objstore.Class{"ContainerNotFound": objstore.NoBucket, "BlobNotFound": objstore.NotFound} {
		store := open(t, serve(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound, code, "") }))
		if _, err := store.Stat(t.Context(), "key"); objstore.ClassOf(err) != want {
			t.Errorf("%s: got %s: %v", code, objstore.ClassOf(err), err)
		}
	}
}

// TestNoSecretInErrors cuts the connection of a request whose URL has a signature.
func TestNoSecretInErrors(t *testing.T) {
	store := open(t, "http://127.0.0.1:1")
	_, err := store.Stat(t.Context(), "key")
	if objstore.ClassOf(err) != objstore.Transient || strings.Contains(err.Error(), "sig=x") {
		t.Errorf("got %v", err)
	}
}

func TestNoRetries(t *testing.T) {
	requests := 0
	store := open(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
		requests++
		refuse(w, http.StatusServiceUnavailable, "ServerBusy", "")
	}))
	if _, err := store.Stat(t.Context(), "key"); err == nil || requests != 1 {
		t.Errorf("%d requests, %v", requests, err)
	}
}

// TestWrongBytesStored is a service that computes another CRC64 than was sent.
func TestWrongBytesStored(t *testing.T) {
	store := open(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("X-Ms-Content-Crc64", "AAAAAAAAAAA=")
		w.WriteHeader(http.StatusCreated)
	}))
	body := objstore.Body{ReaderAt: strings.NewReader("x"), Size: 1}
	if _, err := store.Put(t.Context(), &objstore.Object{Key: "key"}, body); objstore.ClassOf(err) != objstore.Corrupt {
		t.Errorf("put: got %v", err)
	}
	if _, err := store.PutPart(t.Context(), &objstore.Object{Key: "key"}, "0123456789abcdef", 1, body); objstore.ClassOf(err) != objstore.Corrupt {
		t.Errorf("put a part: got %v", err)
	}
}

// TestSettings checks what goes along with an object.
func TestSettings(t *testing.T) {
	var got http.Header
	store := open(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		got = r.Header
		w.WriteHeader(http.StatusCreated)
	}))
	o := &objstore.Object{
		Key: "key", ContentType: "text/plain", Metadata: map[string]string{"run-id": "7"}, Tags: map[string]string{"team": "pg"},
		StorageClass: "Cool", Encryption: "KMS", KMSKeyID: "scope1",
	}
	if _, err := store.Put(t.Context(), o, objstore.Body{ReaderAt: strings.NewReader("x"), Size: 1}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"X-Ms-Blob-Content-Type": "text/plain", "X-Ms-Meta-Run_id": "7", "X-Ms-Tags": "team=pg", "X-Ms-Access-Tier": "Cool",
		"X-Ms-Encryption-Scope": "scope1", "If-None-Match": "*", "X-Ms-Content-Crc64": "Lb1nAmRU5LE=",
	} {
		value := got.Get(name)
		if name == "X-Ms-Content-Crc64" {
			value = reversed(t, value)
		}
		if value != want {
			t.Errorf("%s: %q, want %q", name, value, want)
		}
	}
	o.KMSKeyID = ""
	if _, err := store.Begin(t.Context(), o); objstore.ClassOf(err) != objstore.Invalid {
		t.Errorf("a key of one's own without a name: %v", err)
	}
}
