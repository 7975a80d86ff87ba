package teststores

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"lighterman.dev/lighterman/uploader/transport"

	"lighterman.dev/lighterman/e2e/harness/tools"
)

// GCS is a fake-gcs-server behind TLS and sessions. It does not check identities.
type GCS struct {
	// Endpoint is its URL, Address the part that is dialled.
	Endpoint, Address string
	// CAFile is the authority to trust.
	CAFile string
	// Files are its certificate's.
	Files Files
}

// FakeGCS starts a store that speaks Google Cloud Storage's JSON API over TLS.
func FakeGCS(tb testing.TB) *GCS {
	tb.Helper()
	b, err := tools.NewBuilder(tb.Output())
	if err != nil {
		tb.Fatal(err)
	}
	program, err := b.Build(tb.Context(), tools.FakeGCSServer())
	if err != nil {
		tb.Fatal(err)
	}
	address := freeAddress(tb)
	host, port := split(tb, address)
	process{
		name: filepath.Join(program, "fake-gcs-server"), address: address,
		args: []string{
			"-backend", "filesystem", "-filesystem-root", dirs(tb, "/dev/shm", "objects")[0], "-scheme", "http", "-host", host, "-port", port,
			"-public-host", "*",
		},
	}.start(tb)
	files := Certificate(tb)
	front := files.serve(tb, &sessions{next: passOn(tb, "http://"+address, files), all: map[string]*session{}})
	return &GCS{Endpoint: front.URL, Address: strings.TrimPrefix(front.URL, "https://"), CAFile: files.CA, Files: files}
}

// Bucket makes a bucket.
func (g *GCS) Bucket(tb testing.TB, name string) string {
	tb.Helper()
	client, err := transport.New(transport.Options{CAFile: g.CAFile})
	if err != nil {
		tb.Fatal(err)
	}
	body := bytes.NewReader(fmt.Appendf(nil, `{"name": %q}`, name))
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, g.Endpoint+"/storage/v1/b?project=test", body)
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		tb.Fatalf("make bucket %s: %s", name, answer.Status)
	}
	return name
}

// Metadata starts a metadata server, which answers every client with the same token, and returns its address.
func (g *GCS) Metadata(tb testing.TB) string {
	tb.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/computeMetadata/v1/instance/service-accounts/default/token") || r.Header.Get("Metadata-Flavor") != "Google" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Metadata-Flavor", "Google")
		fmt.Fprint(w, `{"access_token": "a token", "expires_in": 3600, "token_type": "Bearer"}`)
	}))
	tb.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}
