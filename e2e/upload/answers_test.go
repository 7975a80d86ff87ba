package upload_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/azure"
	"lighterman.dev/lighterman/uploader/gcs"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/s3"
	"lighterman.dev/lighterman/uploader/transport"

	"lighterman.dev/lighterman/e2e/harness/teststores"
)

// put sends a small object; most that is wrong with a profile shows there.
func put(t *testing.T, store objstore.Store) error {
	t.Helper()
	_, err := store.Put(t.Context(), &objstore.Object{Key: "probe"}, objstore.Body{ReaderAt: strings.NewReader("x"), Size: 1})
	return err
}

func check(t *testing.T, err error, class objstore.Class, cure string) {
	t.Helper()
	fault, ok := errors.AsType[*objstore.Error](err)
	if !ok || fault.Class != class || !strings.Contains(fault.Cure, cure) {
		t.Errorf("got %+v: %v, want %s with a cure that says %q", fault, err, class, cure)
	}
}

// TestS3Answers is a profile that is wrong, against versitygw.
func TestS3Answers(t *testing.T) {
	server := teststores.Versitygw(t, teststores.S3Options{})
	bucket := server.Bucket(t, "backups")
	otherCA := teststores.Certificate(t).CA
	for name, test := range map[string]struct {
		change func(t *testing.T, where *uploader.S3, ca *string)
		class  objstore.Class
		cure   string
	}{
		"the bucket is missing": {func(_ *testing.T, w *uploader.S3, _ *string) { w.Bucket = "missing" }, objstore.NoBucket, "create the bucket"},
		"the region is wrong":   {func(_ *testing.T, w *uploader.S3, _ *string) { w.Region = "eu-west-1" }, objstore.NoBucket, "region"},
		"the CA is wrong":       {func(_ *testing.T, _ *uploader.S3, ca *string) { *ca = otherCA }, objstore.Untrusted, "caBundle"},
		"the key is unknown": {func(t *testing.T, _ *uploader.S3, _ *string) {
			t.Helper()
			t.Setenv("AWS_ACCESS_KEY_ID", "unknown")
		}, objstore.Unauthenticated, "Secret"},
		"the secret is wrong": {func(t *testing.T, _ *uploader.S3, _ *string) {
			t.Helper()
			t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
		}, objstore.Unauthenticated, "Secret"},
		"the store speaks TLS": {func(_ *testing.T, w *uploader.S3, _ *string) {
			w.Endpoint = strings.Replace(w.Endpoint, "https:", "http:", 1)
		}, objstore.Transient, ""},
	} {
		t.Run(name, func(t *testing.T) {
			where, ca := locate(t, server, bucket), server.CAFile
			test.change(t, &where, &ca)
			store, err := s3.New(where, transport.Options{CAFile: ca})
			if err != nil {
				t.Fatal(err)
			}
			check(t, put(t, store), test.class, test.cure)
		})
	}
}

// TestAzureAnswers is a profile that is wrong, against Azurite.
func TestAzureAnswers(t *testing.T) {
	server := teststores.Azurite(t)
	name := server.Container(t, "backups")
	other := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x"), 64))
	for what, test := range map[string]struct {
		container, mode, variable, secret string
		class                             objstore.Class
		cure                              string
	}{
		"the container is missing": {"missing", "accountKey", "AZURE_STORAGE_KEY", server.Key, objstore.NoBucket, "create the container"},
		"the key is wrong":         {name, "accountKey", "AZURE_STORAGE_KEY", other, objstore.Unauthenticated, "Secret"},
		// Azurite 3.37 says of it only that it is not authorised; the real service's words are in package azure's tests.
		"the signature has expired": {
			name, "sasToken", "AZURE_STORAGE_SAS_TOKEN",
			signature(t, server, name, sas.ContainerPermissions{Create: true, Write: true}, -time.Minute), objstore.Denied, "SAS token",
		},
		"the signature allows reading alone": {
			name, "sasToken", "AZURE_STORAGE_SAS_TOKEN",
			signature(t, server, name, sas.ContainerPermissions{Read: true}, time.Hour), objstore.Denied, "",
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Setenv(test.variable, test.secret)
			store, err := azure.New(uploader.Azure{
				Account: teststores.Account, Container: test.container, Endpoint: server.Endpoint, Auth: uploader.Auth{Mode: test.mode},
			}, transport.Options{CAFile: server.CAFile})
			if err != nil {
				t.Fatal(err)
			}
			check(t, put(t, store), test.class, test.cure)
		})
	}
}

// signature makes a SAS token.
func signature(t *testing.T, server *teststores.Azure, name string, may sas.ContainerPermissions, lasts time.Duration) string {
	t.Helper()
	key, err := container.NewSharedKeyCredential(teststores.Account, server.Key)
	if err != nil {
		t.Fatal(err)
	}
	query, err := sas.BlobSignatureValues{
		ContainerName: name, Permissions: may.String(), StartTime: time.Now().Add(-time.Hour), ExpiryTime: time.Now().Add(lasts),
	}.SignWithSharedKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return query.Encode()
}

// TestGCSAnswers has a bucket that is missing.
func TestGCSAnswers(t *testing.T) {
	server := teststores.FakeGCS(t)
	t.Setenv("GCE_METADATA_HOST", server.Metadata(t))
	store, err := gcs.New(uploader.GCS{
		Bucket: "missing", Endpoint: server.Endpoint, Auth: uploader.Auth{Mode: "ambient"},
	}, transport.Options{CAFile: server.CAFile})
	if err != nil {
		t.Fatal(err)
	}
	check(t, put(t, store), objstore.NoBucket, "create the bucket")
}

// TestS3Interceptor has a store that is well, and answers that are not its own.
func TestS3Interceptor(t *testing.T) {
	server := teststores.Versitygw(t, teststores.S3Options{Plain: true})
	where := locate(t, server, server.Bucket(t, "backups"))
	between := teststores.Intercept(t, server.Endpoint, teststores.Files{})
	where.Endpoint = between.URL
	store := openS3(t, server, where)
	body := objstore.Body{ReaderAt: strings.NewReader("what is sent"), Size: 12}
	absent := func(t *testing.T, key string) {
		t.Helper()
		between.Instead, between.Answer = nil, nil
		if _, err := store.Stat(t.Context(), key); objstore.ClassOf(err) != objstore.NotFound {
			t.Errorf("stat %s: %v", key, err)
		}
	}
	for code, want := range map[string]struct {
		status int
		class  objstore.Class
	}{"SlowDown": {503, objstore.Throttled}, "AccessDenied": {403, objstore.Denied}, "ExpiredToken": {400, objstore.Expired}} {
		t.Run(code, func(t *testing.T) {
			between.Instead = func(w http.ResponseWriter, r *http.Request) bool {
				io.Copy(io.Discard, r.Body)
				w.Header().Set("Retry-After", "2")
				w.WriteHeader(want.status)
				fmt.Fprintf(w, "<Error><Code>%s</Code><Message>No.</Message></Error>", code)
				return true
			}
			_, err := store.Put(t.Context(), &objstore.Object{Key: code}, body)
			check(t, err, want.class, "")
			if fault, ok := errors.AsType[*objstore.Error](err); ok && fault.After != 2*time.Second {
				t.Errorf("wait %s", fault.After)
			}
			absent(t, code)
		})
	}
	t.Run("a part is confirmed with another checksum", func(t *testing.T) {
		o := &objstore.Object{Key: "confirmed"}
		id, err := store.Begin(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		between.Answer = func(r *http.Response) error {
			r.Header.Set("X-Amz-Checksum-Crc32c", "AAAAAA==")
			return nil
		}
		_, err = store.PutPart(t.Context(), o, id, 1, body)
		check(t, err, objstore.Corrupt, "")
		absent(t, o.Key)
	})
	t.Run("the answer to Complete is lost", func(t *testing.T) {
		o := &objstore.Object{Key: "lost"}
		id, err := store.Begin(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		part, err := store.PutPart(t.Context(), o, id, 1, body)
		if err != nil {
			t.Fatal(err)
		}
		between.Answer = func(*http.Response) error { return errors.New("lost") }
		_, err = store.Complete(t.Context(), o, id, []objstore.Part{part})
		check(t, err, objstore.Transient, "")
		between.Answer = nil
		stored, err := store.Complete(t.Context(), o, id, []objstore.Part{part})
		if objstore.ClassOf(err) != objstore.Exists && (err != nil || stored.Sum != part.Sum || stored.Size != 12) {
			t.Errorf("again: got %+v, %v", stored, err)
		}
	})
	t.Run("bytes change on the way", func(t *testing.T) {
		between.Instead = func(_ http.ResponseWriter, r *http.Request) bool {
			r.Body = io.NopCloser(strings.NewReader("what is SENT"))
			return false
		}
		_, err := store.Put(t.Context(), &objstore.Object{Key: "changed"}, body)
		check(t, err, objstore.Corrupt, "")
		absent(t, "changed")
	})
}
