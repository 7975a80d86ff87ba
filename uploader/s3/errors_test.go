package s3_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/s3"
	"lighterman.dev/lighterman/uploader/transport"
)

// open gives a store of a server without TLS, with an access key.
func open(t *testing.T, url string) *s3.Store {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	store, err := s3.New(uploader.S3{
		Bucket: "backups", Region: "eu-west-1", Endpoint: url, ForcePathStyle: true, Auth: uploader.Auth{Mode: "accessKey"},
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

// refuse answers as S3 does; a HEAD gets no body.
func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("X-Amz-Request-Id", "REQ1")
	w.Header().Set("Retry-After", "3")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>What S3 says.</Message></Error>", code)
}

func TestClasses(t *testing.T) {
	for _, test := range []struct {
		status int
		code   string
		class  objstore.Class
		cure   string
	}{
		{503, "SlowDown", objstore.Throttled, ""},
		{503, "ServiceUnavailable", objstore.Transient, ""},
		{429, "Whatever", objstore.Throttled, ""},
		{500, "InternalError", objstore.Transient, ""},
		{502, "", objstore.Transient, ""},
		{400, "RequestTimeout", objstore.Transient, ""},
		{409, "ConditionalRequestConflict", objstore.Transient, ""},
		{400, "ExpiredToken", objstore.Expired, ""},
		{403, "AccessDenied", objstore.Denied, ""},
		{403, "InvalidAccessKeyId", objstore.Unauthenticated, "Secret"},
		{403, "SignatureDoesNotMatch", objstore.Unauthenticated, "Secret"},
		{404, "NoSuchBucket", objstore.NoBucket, "create the bucket"},
		{301, "PermanentRedirect", objstore.NoBucket, "region"},
		{400, "AuthorizationHeaderMalformed", objstore.NoBucket, "region"},
		{404, "NoSuchKey", objstore.NotFound, ""},
		{412, "PreconditionFailed", objstore.Exists, ""},
		{400, "BadDigest", objstore.Corrupt, ""},
		{400, "XAmzContentChecksumMismatch", objstore.Corrupt, ""},
		{404, "NoSuchUpload", objstore.NoUpload, ""},
		{400, "InvalidPart", objstore.NoUpload, ""},
		{403, "RequestTimeTooSkewed", objstore.ClockSkew, ""},
		{400, "InvalidStorageClass", objstore.Invalid, "storageClass"},
		{501, "NotImplemented", objstore.Invalid, "overwrite"},
		{418, "Teapot", objstore.Unknown, ""},
	} {
		t.Run(fmt.Sprint(test.status, " ", test.code), func(t *testing.T) {
			store := open(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				refuse(w, test.status, test.code)
			}))
			_, err := store.Put(
				t.Context(), &objstore.Object{Key: "a/key"}, objstore.Body{ReaderAt: strings.NewReader("x"), Size: 1},
			)
			fault, ok := errors.AsType[*objstore.Error](err)
			if !ok || fault.Class != test.class || !strings.Contains(fault.Cure, test.cure) || fault.After != 3*time.Second {
				t.Fatalf("got %+v, want %s with a cure that says %q", fault, test.class, test.cure)
			}
			if text := err.Error(); !strings.HasPrefix(text, "put a/key: PutObject: ") || strings.Contains(text, "\n") || len(text) > 200 {
				t.Errorf("it says %q", text)
			}
		})
	}
}

// TestStatusesWithoutBody asks with HEAD, which has no code.
func TestStatusesWithoutBody(t *testing.T) {
	for status, want := range map[int]objstore.Class{
		301: objstore.NoBucket, 400: objstore.Expired, 403: objstore.Denied, 404: objstore.NotFound, 503: objstore.Transient,
	} {
		store := open(t, serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		if _, err := store.Stat(t.Context(), "key"); objstore.ClassOf(err) != want {
			t.Errorf("%d: got %s: %v, want %s", status, objstore.ClassOf(err), err, want)
		}
	}
}

// TestConflictOfComplete is a write to the key at the same time: S3 wants the upload begun again.
func TestConflictOfComplete(t *testing.T) {
	store := open(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		refuse(w, http.StatusConflict, "ConditionalRequestConflict")
	}))
	_, err := store.Complete(t.Context(), &objstore.Object{Key: "key"}, "id", []objstore.Part{{Number: 1}})
	if objstore.ClassOf(err) != objstore.NoUpload {
		t.Errorf("got %s: %v", objstore.ClassOf(err), err)
	}
}

// TestNoRetries counts requests: the core retries, so the SDK must not.
func TestNoRetries(t *testing.T) {
	requests := 0
	store := open(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
		requests++
		refuse(w, http.StatusServiceUnavailable, "SlowDown")
	}))
	if _, err := store.Open(t.Context(), "key", ""); err == nil || requests != 1 {
		t.Errorf("%d requests, %v", requests, err)
	}
}

// TestUnconfirmed is a store that says of a part nothing, or something else than was sent.
func TestUnconfirmed(t *testing.T) {
	for sum, want := range map[string]objstore.Class{"": objstore.Invalid, "AAAAAA==": objstore.Corrupt} {
		store := open(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			if sum != "" {
				w.Header().Set("X-Amz-Checksum-Crc32c", sum)
			}
			w.Header().Set("ETag", `"0"`)
		}))
		body := objstore.Body{ReaderAt: strings.NewReader("x"), Size: 1}
		if _, err := store.PutPart(t.Context(), &objstore.Object{Key: "key"}, "id", 1, body); objstore.ClassOf(err) != want {
			t.Errorf("%q: got %s: %v, want %s", sum, objstore.ClassOf(err), err, want)
		}
	}
}

// TestAnswerThatIsCut has refusals whose code did not arrive. What a status alone says may be wrong, unless all codes of the
// status mean the same.
func TestAnswerThatIsCut(t *testing.T) {
	for status, want := range map[int]objstore.Class{
		400: objstore.Transient, 403: objstore.Denied, 404: objstore.Transient, 409: objstore.Transient, 412: objstore.Exists,
		413: objstore.Invalid, 500: objstore.Transient, 503: objstore.Transient,
	} {
		store := open(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Length", "500")
			refuse(w, status, "ExpiredToken")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}))
		_, err := store.Put(
			t.Context(), &objstore.Object{Key: "key"}, objstore.Body{ReaderAt: strings.NewReader("x"), Size: 1},
		)
		if objstore.ClassOf(err) != want {
			t.Errorf("%d: got %s: %v, want %s", status, objstore.ClassOf(err), err, want)
		}
	}
}

// TestAnswersOfProxies are refusals that do not come from the store, so that there is no code of S3 in them.
func TestAnswersOfProxies(t *testing.T) {
	const page = "<html>\r\n<head><title>Refused</title></head>\r\n<body>\r\n<center><h1>Refused</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
	for _, text := range []string{page, "refused", "{}", ""} {
		for status, want := range map[int]objstore.Class{
			401: objstore.Unauthenticated, 403: objstore.Denied, 412: objstore.Exists, 413: objstore.Invalid, 429: objstore.Throttled,
			500: objstore.Transient, 502: objstore.Transient, 503: objstore.Transient, 504: objstore.Transient,
		} {
			store := open(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				io.WriteString(w, text)
			}))
			_, err := store.Put(
				t.Context(), &objstore.Object{Key: "key"}, objstore.Body{ReaderAt: strings.NewReader("x"), Size: 1},
			)
			if objstore.ClassOf(err) != want {
				t.Errorf("%d with %.10q: got %s: %v, want %s", status, text, objstore.ClassOf(err), err, want)
			}
		}
	}
}
