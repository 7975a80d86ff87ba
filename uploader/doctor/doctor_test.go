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

	"lighterman.dev/lighterman/internal/test/dirstore"
	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/doctor"
	"lighterman.dev/lighterman/uploader/objstore"
)

// examine gives what the doctor says, a line for each step.
func examine(t *testing.T, c *uploader.Config, store objstore.Store, openErr error) (lines string, well bool) {
	t.Helper()
	c.Key = uploader.DefaultKey
	well = doctor.Run(t.Context(), doctor.Options{
		Config: c, Pod: uploader.Pod{Namespace: "ns", Name: "pod", UID: "uid"}, Getenv: func(name string) string {
			return map[string]string{"AWS_ACCESS_KEY_ID": "id"}[name]
		},
		Open: func() (objstore.Store, error) { return store, openErr }, Patience: time.Minute,
	}, func(s doctor.Step) { lines += fmt.Sprintf("%s: %s%v %s\n", s.Name, s.Detail, s.Err, s.Cure) })
	return lines, well
}

func newStore(t *testing.T) *dirstore.Store {
	t.Helper()
	store, err := dirstore.Open(t.TempDir(), dirstore.Options{})
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
	claims := fmt.Sprintf(
		`{"aud":["sts.amazonaws.com"],"exp":%d,"sub":"system:serviceaccount:ns:dumper"}`, time.Now().Add(left).Unix(),
	)
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".x"
}

func TestAllIsWell(t *testing.T) {
	store := newStore(t)
	lines, well := examine(t, &uploader.Config{Azure: &uploader.Azure{Auth: uploader.Auth{Mode: "default"}}}, store, nil)
	want := []string{
		"credentials: azure default", "write: ns/pod/.lighterman/uid-doctor/probe", "read: what was written",
		"list unfinished uploads: allowed", "delete: allowed",
	}
	for _, text := range want {
		if !strings.Contains(lines, text) {
			t.Errorf("%q is not in:\n%s", text, lines)
		}
	}
	if !well || strings.Count(lines, "\n") != len(want) {
		t.Errorf("well: %v\n%s", well, lines)
	}
	if _, err := store.Stat(t.Context(), "ns/pod/.lighterman/uid-doctor/probe"); objstore.ClassOf(err) != objstore.NotFound {
		t.Errorf("the probe stays: %v", err)
	}
}

// TestSecretsThatAreMalformed has secrets as echo writes them, and such as no request can carry. Their values are not shown.
func TestSecretsThatAreMalformed(t *testing.T) {
	for name, test := range map[string]struct {
		id, key string
		inFiles bool
		well    bool
		says    string
	}{
		"plain":                     {"AKIA", "s3cret", false, true, "secrets: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY<nil>"},
		"made with echo":            {"AKIA\n", "s3cret\n", false, false, "secrets: AWS_ACCESS_KEY_ID (Secret nl, key id), AWS_SECRET_ACCESS_KEY: a line break or a space stands before or behind the value"},
		"made with echo, in files":  {"AKIA\n", "s3cret", true, true, "in files of "},
		"with a line break inside":  {"AK\nIA", "s3cret", false, false, "secrets: AWS_ACCESS_KEY_ID (Secret nl, key id) has a line break in it"},
		"with a space inside":       {"AKIA", "s3cret", false, true, "secrets: "},
		"of blanks alone":           {" \n", "s3cret", false, false, "secrets: AWS_ACCESS_KEY_ID (Secret nl, key id) is not set"},
		"a line break in the files": {"AKIA", "s3\ncret", true, false, "secrets: AWS_SECRET_ACCESS_KEY has a line break in it"},
	} {
		t.Run(name, func(t *testing.T) {
			auth := uploader.Auth{Mode: "accessKey", SecretKeys: map[string]string{"AWS_ACCESS_KEY_ID": "Secret nl, key id"}}
			values := map[string]string{"AWS_ACCESS_KEY_ID": test.id, "AWS_SECRET_ACCESS_KEY": test.key}
			if test.inFiles {
				auth.SecretsDirectory = t.TempDir()
				for variable, value := range values {
					if err := os.WriteFile(filepath.Join(auth.SecretsDirectory, uploader.SecretFile(variable)), []byte(value), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				values = nil
			}
			server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			t.Cleanup(server.Close)
			var lines string
			well := doctor.Run(t.Context(), doctor.Options{
				Config: &uploader.Config{Key: uploader.DefaultKey, S3: &uploader.S3{Bucket: "b", Endpoint: server.URL, Auth: auth}},
				Pod:    uploader.Pod{Namespace: "ns", Name: "pod", UID: "uid"}, Getenv: func(name string) string { return values[name] },
				Open: func() (objstore.Store, error) { return newStore(t), nil },
			}, func(s doctor.Step) { lines += fmt.Sprintf("%s: %s%v %s\n", s.Name, s.Detail, s.Err, s.Cure) })
			if well != test.well || !strings.Contains(lines, test.says) {
				t.Errorf("well: %v, want %q in:\n%s", well, test.says, lines)
			}
			if padded := test.id != strings.TrimSpace(test.id) && strings.TrimSpace(test.id) != ""; padded != strings.Contains(lines, "printf in place of echo") {
				t.Errorf("the cure is told wrongly:\n%s", lines)
			}
			if strings.Contains(lines, "s3cret") || strings.Contains(lines, "AKIA") {
				t.Errorf("a secret is shown:\n%s", lines)
			}
		})
	}
}

// refusing is a store that refuses one call.
type refusing struct {
	objstore.Store

	call  string
	class objstore.Class
}

func (r refusing) refuse(call string) error {
	if call == r.call {
		return &objstore.Error{Class: r.class, Err: errors.New("refused")}
	}
	return nil
}

func (r refusing) Put(ctx context.Context, o *objstore.Object, body objstore.Body) (objstore.Stored, error) {
	if err := r.refuse("put"); err != nil {
		return objstore.Stored{}, err
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
		class objstore.Class
		well  bool
		says  string
	}{
		"a bucket that is missing":   {"put", objstore.NoBucket, false, "correct its name and region, or create it"},
		"an identity without leave":  {"put", objstore.Denied, false, "give the identity leave"},
		"a caller that is not known": {"put", objstore.Unauthenticated, false, "the token's audience"},
		"reading":                    {"open", objstore.Denied, true, "read: not allowed: the uploader works without"},
		"reading, with a fault":      {"open", objstore.Transient, false, "refused"},
		"deleting":                   {"delete", objstore.Denied, true, "delete: not allowed: the uploader works without"},
	} {
		t.Run(name, func(t *testing.T) {
			lines, well := examine(
				t, &uploader.Config{Azure: &uploader.Azure{Auth: uploader.Auth{Mode: "default"}}},
				refusing{newStore(t), test.call, test.class}, nil,
			)
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
		"a token": {
			s3(uploader.Auth{TokenFile: file(t, newToken(time.Hour))}),
			"service-account token: of system:serviceaccount:ns:dumper, for [sts.amazonaws.com], valid for ",
		},
		"a token that ended": {s3(uploader.Auth{TokenFile: file(t, newToken(-time.Hour))}), "ended 1h0m"},
		"no token": {
			s3(uploader.Auth{TokenFile: "/no/such/file"}), "no such file or directory the kubelet projects it",
		},
		"what is no token":    {s3(uploader.Auth{TokenFile: file(t, "a.b")}), "holds no token"},
		"a token of nonsense": {s3(uploader.Auth{TokenFile: file(t, "a.!.c")}), "holds no token"},
		"an empty file":       {s3(uploader.Auth{File: file(t, "")}), "is empty look at the Secret"},
		"a file":              {s3(uploader.Auth{File: file(t, "[default]")}), "9 bytes"},
		"a secret not set":    {s3(uploader.Auth{Mode: "accessKey"}), "AWS_SECRET_ACCESS_KEY is not set"},
		"no authorities": {
			&uploader.Config{CAFile: file(t, "none"), S3: &uploader.S3{}},
			"holds no certificate that is valid, and 0 that have ended",
		},
		"a missing CA file": {
			&uploader.Config{CAFile: "/no/such/file", S3: &uploader.S3{}}, "look at the ConfigMap or Secret of spec.caBundle",
		},
		"broken authorities": {
			&uploader.Config{
				CAFile: file(t, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), S3: &uploader.S3{},
			},
			"put certificates in PEM",
		},
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

// answering is a store that says what a bucket says, and whose credential comes from elsewhere.
type answering struct {
	objstore.Store

	credential  objstore.Credential
	refusals    []error
	protections []objstore.Protection
	probe       objstore.Stored
}

func (a *answering) Authenticate(context.Context) (objstore.Credential, error) {
	if len(a.refusals) == 0 {
		return a.credential, nil
	}
	err := a.refusals[0]
	a.refusals = a.refusals[1:]
	return objstore.Credential{}, err
}

func (a *answering) Protection(_ context.Context, probe objstore.Stored) []objstore.Protection {
	a.probe = probe
	return a.protections
}

func TestTokenExchange(t *testing.T) {
	fault := func(class objstore.Class) error {
		return &objstore.Error{Class: class, Cure: "the cure", Err: errors.New("refused")}
	}
	for name, test := range map[string]struct {
		store answering
		well  bool
		says  string
	}{
		"a credential that ends": {
			answering{credential: objstore.Credential{From: "STS", Expires: time.Now().Add(time.Hour)}},
			true,
			"token exchange: given by STS, valid for ",
		},
		"one that does not": {
			answering{credential: objstore.Credential{From: "the pod"}}, true, "token exchange: given by the pod<nil>",
		},
		"a service that is late": {
			answering{refusals: []error{fault(objstore.Transient)}, credential: objstore.Credential{From: "GKE"}},
			true,
			"given by GKE",
		},
		"a role that is refused": {
			answering{refusals: []error{fault(objstore.Denied)}}, false, "token exchange: refused the cure",
		},
		"nobody who gives an identity": {
			answering{refusals: []error{errors.New("none found")}}, false, "token exchange: none found look at the identity",
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.store.Store = newStore(t)
			lines, well := examine(
				t, &uploader.Config{Azure: &uploader.Azure{Auth: uploader.Auth{Mode: "default"}}}, &test.store, nil,
			)
			if well != test.well || !strings.Contains(lines, test.says) || strings.Contains(lines, "write:") != well {
				t.Errorf("well: %v, want %q in:\n%s", well, test.says, lines)
			}
		})
	}
	if lines, well := examine(t, &uploader.Config{Azure: &uploader.Azure{Auth: uploader.Auth{Mode: "default"}}}, &answering{Store: newStore(t)}, nil); !well || strings.Contains(lines, "token exchange") {
		t.Errorf("a key needs no exchange: %v\n%s", well, lines)
	}
}

func TestProtection(t *testing.T) {
	none := objstore.Protection{Name: "object lock", State: "off", NoLock: "switch it on"}
	lock := &uploader.ObjectLock{Mode: "Governance", Days: 1}
	for name, test := range map[string]struct {
		says objstore.Protection
		lock *uploader.ObjectLock
		well bool
		want string
	}{
		"a lock that nobody asks for": {none, nil, true, "object lock: off<nil>"},
		"no lock where one is asked": {
			none, lock, false, "object lock: off, and the profile asks for uploader.objectLock switch it on",
		},
		"a lock that is asked for": {
			objstore.Protection{Name: "object lock", State: "on"}, lock, true, "object lock: on<nil>",
		},
		"what may not be seen": {
			objstore.Protection{
				Name: "versioning", Permission: "s3:GetBucketVersioning",
				Err: &objstore.Error{Class: objstore.Denied, Err: errors.New("no")},
			},
			lock, true, "versioning: cannot be seen; the uploader works without. Who wants to see it here gives the identity s3:GetBucketVersioning",
		},
		"what the store does not know": {
			objstore.Protection{
				Name: "versioning", Err: &objstore.Error{Class: objstore.Invalid, Err: errors.New("NotImplemented")},
			},
			nil, true,
			"versioning: cannot be seen: NotImplemented",
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := &answering{Store: newStore(t), protections: []objstore.Protection{test.says}}
			lines, well := examine(
				t, &uploader.Config{Azure: &uploader.Azure{Auth: uploader.Auth{Mode: "default"}}, ObjectLock: test.lock}, store,
				nil,
			)
			if well != test.well || !strings.Contains(lines, test.want) || store.probe.Key == "" {
				t.Errorf("well: %v, want %q in:\n%s", well, test.want, lines)
			}
		})
	}
}
