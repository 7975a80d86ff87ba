package doctor_test

import (
	"context"
	"encoding/base64"
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
	"lighterman.dev/lighterman/uploader/dir"
	"lighterman.dev/lighterman/uploader/doctor"
)

// examine gives what the doctor says, a line for each step.
func examine(t *testing.T, c *uploader.Config, store uploader.Store, openErr error) (lines string, well bool) {
	t.Helper()
	c.Key = uploader.DefaultKey
	well = doctor.Run(t.Context(), doctor.Options{
		Config: c, Pod: uploader.Pod{Namespace: "ns", Name: "pod", UID: "uid"}, Getenv: func(name string) string {
			return map[string]string{"AWS_ACCESS_KEY_ID": "id"}[name]
		},
		Open: func() (uploader.Store, error) { return store, openErr },
	}, func(s doctor.Step) { lines += fmt.Sprintf("%s: %s%v %s\n", s.Name, s.Detail, s.Err, s.Cure) })
	return lines, well
}

func newStore(t *testing.T) *dir.Store {
	t.Helper()
	store, err := dir.Open(t.TempDir(), dir.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// newToken is one that ends after so long. Nobody has signed it.
func newToken(left time.Duration) string {
	claims := fmt.Sprintf(`{"aud":["sts.amazonaws.com"],"exp":%d,"sub":"system:serviceaccount:ns:dumper"}`, time.Now().Add(left).Unix())
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".x"
}

func TestAllIsWell(t *testing.T) {
	store := newStore(t)
	lines, well := examine(t, &uploader.Config{Dir: &uploader.Dir{}}, store, nil)
	want := []string{"credentials: dir", "write: ns/pod/.lighterman/uid-doctor/probe", "read: what was written", "list unfinished uploads: allowed", "delete: allowed"}
	for _, text := range want {
		if !strings.Contains(lines, text) {
			t.Errorf("%q is not in:\n%s", text, lines)
		}
	}
	if !well || strings.Count(lines, "\n") != len(want) {
		t.Errorf("well: %v\n%s", well, lines)
	}
	if _, err := store.Stat(t.Context(), "ns/pod/.lighterman/uid-doctor/probe"); uploader.ClassOf(err) != uploader.NotFound {
		t.Errorf("the probe stays: %v", err)
	}
}

// refusing is a store that refuses one call.
type refusing struct {
	uploader.Store

	call  string
	class uploader.Class
}

func (r refusing) refuse(call string) error {
	if call == r.call {
		return &uploader.Error{Class: r.class, Err: errors.New("refused")}
	}
	return nil
}

func (r refusing) Put(ctx context.Context, o *uploader.Object, body uploader.Body) (uploader.Stored, error) {
	if err := r.refuse("put"); err != nil {
		return uploader.Stored{}, err
	}
	return r.Store.Put(ctx, o, body)
}

func (r refusing) Open(ctx context.Context, key, version string) (io.ReadCloser, error) {
	if err := r.refuse("open"); err != nil {
		return nil, err
	}
	return r.Store.Open(ctx, key, version)
}

func (r refusing) Delete(ctx context.Context, key, version string) error {
	if err := r.refuse("delete"); err != nil {
		return err
	}
	return r.Store.Delete(ctx, key, version)
}

func TestWhatTheStoreRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		call  string
		class uploader.Class
		well  bool
		says  string
	}{
		"a bucket that is missing":   {"put", uploader.NoBucket, false, "correct its name and region, or create it"},
		"an identity without leave":  {"put", uploader.Denied, false, "give the identity leave"},
		"a caller that is not known": {"put", uploader.Unauthenticated, false, "the token's audience"},
		"reading":                    {"open", uploader.Denied, true, "read: not allowed: the uploader works without"},
		"reading, with a fault":      {"open", uploader.Transient, false, "refused"},
		"deleting":                   {"delete", uploader.Denied, true, "delete: not allowed: the uploader works without"},
	} {
		t.Run(name, func(t *testing.T) {
			lines, well := examine(t, &uploader.Config{Dir: &uploader.Dir{}}, refusing{newStore(t), test.call, test.class}, nil)
			if well != test.well || !strings.Contains(lines, test.says) {
				t.Errorf("well: %v, want %q in:\n%s", well, test.says, lines)
			}
		})
	}
}

func TestFilesAndSecrets(t *testing.T) {
	s3 := func(a uploader.Auth) *uploader.Config { return &uploader.Config{S3: &uploader.S3{Auth: a}} }
	gone := errors.New("not reached")
	for name, test := range map[string]struct {
		config *uploader.Config
		says   string
	}{
		"a token":              {s3(uploader.Auth{TokenFile: file(t, newToken(time.Hour))}), "service-account token: of system:serviceaccount:ns:dumper, for [sts.amazonaws.com], valid for "},
		"a token that ended":   {s3(uploader.Auth{TokenFile: file(t, newToken(-time.Hour))}), "ended 1h0m"},
		"no token":             {s3(uploader.Auth{TokenFile: "/no/such/file"}), "no such file or directory the kubelet projects it"},
		"what is no token":     {s3(uploader.Auth{TokenFile: file(t, "a.b")}), "holds no token"},
		"a token of nonsense":  {s3(uploader.Auth{TokenFile: file(t, "a.!.c")}), "holds no token"},
		"an empty file":        {s3(uploader.Auth{File: file(t, "")}), "is empty look at the Secret"},
		"a file":               {s3(uploader.Auth{File: file(t, "[default]")}), "9 bytes"},
		"a secret not set":     {s3(uploader.Auth{Mode: "accessKey"}), "AWS_SECRET_ACCESS_KEY is not set"},
		"no authorities":       {&uploader.Config{CAFile: file(t, "none"), S3: &uploader.S3{}}, "holds no certificate that is valid, and 0 that have ended"},
		"a missing CA file":    {&uploader.Config{CAFile: "/no/such/file", S3: &uploader.S3{}}, "look at the ConfigMap or Secret of spec.caBundle"},
		"broken authorities":   {&uploader.Config{CAFile: file(t, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), S3: &uploader.S3{}}, "put certificates in PEM"},
		"no store, in the end": {s3(uploader.Auth{}), "credentials: not reached"},
	} {
		t.Run(name, func(t *testing.T) {
			if lines, well := examine(t, test.config, nil, gone); well || !strings.Contains(lines, test.says) {
				t.Errorf("well: %v, want %q in:\n%s", well, test.says, lines)
			}
		})
	}
}

func TestEndpoint(t *testing.T) {
	late := time.Duration(0)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-late).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusForbidden) // As a store answers whom it does not know.
	}))
	defer server.Close()
	trusted := file(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	config := func(ca, at string) *uploader.Config {
		return &uploader.Config{CAFile: ca, S3: &uploader.S3{Endpoint: at}}
	}
	if lines, _ := examine(t, config(trusted, server.URL), nil, errors.New("x")); !strings.Contains(lines, "answers; the clocks differ by") || !strings.Contains(lines, "1 certificates in") {
		t.Errorf("got\n%s", lines)
	}
	if lines, _ := examine(t, config("", server.URL), nil, errors.New("x")); !strings.Contains(lines, "x509") {
		t.Errorf("an authority that is not trusted:\n%s", lines)
	}
	late = time.Hour
	if lines, _ := examine(t, config(trusted, server.URL), nil, errors.New("x")); !strings.Contains(lines, "its clock differs by 1h0m") || !strings.Contains(lines, "set the node's clock") {
		t.Errorf("a clock that is late:\n%s", lines)
	}
	server.Close()
	if lines, _ := examine(t, config(trusted, server.URL), nil, errors.New("x")); !strings.Contains(lines, "look at the endpoint, the pod's network policies") {
		t.Errorf("nobody answers:\n%s", lines)
	}
}
