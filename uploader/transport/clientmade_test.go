package transport_test

import (
	"context"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// TestErrorsOfTheClient has requests that no server can get: they are no errors of the network.
func TestErrorsOfTheClient(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(server.Close)
	client := newClient(t, "")
	const signature = "sig=c2VjcmV0"
	missing := filepath.Join(t.TempDir(), "token")
	for name, do := range map[string]func() error{
		"a line break in a header": func() error {
			return getWith(t.Context(), client, server.URL, "Authorization", "AKIA\nEXAMPLE")
		},
		"a zero byte in a header": func() error {
			return getWith(t.Context(), client, server.URL, "X-Amz-Security-Token", "a\x00b")
		},
		"a header without a name":     func() error { return getWith(t.Context(), client, server.URL, " ", "b") },
		"another scheme":              func() error { return get(t.Context(), client, "ftp://127.0.0.1/") },
		"no scheme":                   func() error { return get(t.Context(), client, "127.0.0.1/") },
		"no host":                     func() error { return get(t.Context(), client, "http:///bucket") },
		"a line break in a URL":       func() error { return get(t.Context(), client, server.URL+"/c?"+signature+"\n&x=1") },
		"a port that is none":         func() error { return get(t.Context(), client, "http://127.0.0.1:port/?"+signature) },
		"a file that is missing":      func() error { _, err := os.ReadFile(missing); return err },
		"a directory in place of one": func() error { _, err := os.ReadFile(t.TempDir()); return err },
		"a file that must not be read": func() error {
			return &fs.PathError{Op: "open", Path: missing, Err: fs.ErrPermission}
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := do()
			if err == nil {
				t.Fatal("no error")
			}
			if class := objstore.ClassOf(transport.ClassifyError(t.Context(), err)); class != objstore.Misconfigured {
				t.Errorf("%v is %s", err, class)
			}
			if text := transport.ErrorText(err); strings.Contains(text, "c2VjcmV0") || strings.Contains(text, "EXAMPLE") {
				t.Errorf("the text shows a secret: %s", text)
			}
		})
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the server was asked %d times", n)
	}
}

// TestCancelledRequest has a context that ends before a connection is looked for: that is not the request's fault.
func TestCancelledRequest(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if class := objstore.ClassOf(transport.ClassifyError(t.Context(), get(ctx, newClient(t, ""), "http://127.0.0.1:1/"))); class == objstore.Misconfigured {
		t.Errorf("got %s", class)
	}
}

// TestProxyVariableThatIsNoURL has a password in a variable that cannot be read.
func TestProxyVariableThatIsNoURL(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, "")
	}
	t.Setenv("HTTPS_PROXY", "http://user:hunter2%zz@proxy.example:8080")
	err := get(t.Context(), newClient(t, ""), "https://store.example/")
	if objstore.ClassOf(transport.ClassifyError(t.Context(), err)) != objstore.Misconfigured || !strings.Contains(err.Error(), "HTTPS_PROXY") {
		t.Errorf("got %v", err)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("the text shows the password")
	}
}

func getWith(ctx context.Context, client *http.Client, url, name, value string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	req.Header[name] = []string{value}
	answer, err := client.Do(req)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}
