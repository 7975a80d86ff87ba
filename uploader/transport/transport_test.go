package transport_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// caFile has the authority of a server.
func caFile(t *testing.T, server *httptest.Server) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.crt")
	writeCA(t, file, server)
	return file
}

func writeCA(t *testing.T, file string, server *httptest.Server) {
	t.Helper()
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func newClient(t *testing.T, file string) *http.Client {
	t.Helper()
	client, err := transport.New(transport.Options{CAFile: file})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func get(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := client.Do(req)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

func ok(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

// TestBody sends bodies of sizes around those at which they are cut, and reads back what arrived.
func TestBody(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Write(body)
	})
	plain, secure := httptest.NewServer(echo), httptest.NewTLSServer(echo)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	client := newClient(t, caFile(t, secure))
	data := make([]byte, 3*transport.LongBody+17)
	rand.NewChaCha8([32]byte{}).Read(data)
	for _, url := range []string{plain.URL, secure.URL} {
		for _, n := range []int64{0, 1, 4095, transport.LongBody - 1, transport.LongBody, transport.LongBody + 1, int64(len(data)) - 5} {
			part := objstore.Body{ReaderAt: bytes.NewReader(data), Offset: 5, Size: n}
			hash := checksum.New(objstore.CRC64NVME)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, transport.NewBodyReader(part, hash))
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = n
			answer, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(answer.Body)
			if err != nil || !bytes.Equal(got, data[5:5+n]) {
				t.Errorf("%s: %d bytes: %d arrived, %v", url, n, len(got), err)
			}
			if sum := checksum.Sum(objstore.CRC64NVME, hash); sum != checksum.Of(objstore.CRC64NVME, got) {
				t.Errorf("%s: %d bytes: the checksum is %v", url, n, sum)
			}
			if err := answer.Body.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestBodyThatEndsEarly(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
	}))
	t.Cleanup(server.Close)
	body := transport.NewBodyReader(objstore.Body{ReaderAt: strings.NewReader("short"), Size: 500_000}, nil)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 500_000
	answer, err := newClient(t, "").Do(req)
	if err == nil {
		answer.Body.Close()
		t.Fatal("no error")
	}
	var short *transport.BodyError
	if fault := transport.ClassifyError(t.Context(), err); !errors.As(fault, &short) || objstore.ClassOf(fault) != objstore.Unknown {
		t.Errorf("got %v", fault)
	}
}

// TestFaults checks the classes of what the network, and not a store, says.
func TestFaults(t *testing.T) {
	secure, other := httptest.NewTLSServer(http.HandlerFunc(ok)), otherServer(t)
	plain := httptest.NewServer(http.HandlerFunc(ok))
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		c.Close()
	}))
	for _, s := range []*httptest.Server{secure, plain, cut} {
		t.Cleanup(s.Close)
	}
	closed := httptest.NewServer(http.HandlerFunc(ok))
	closed.Close()
	file := caFile(t, secure)
	for name, test := range map[string]struct {
		ca, url string
		class   objstore.Class
		cure    string
	}{
		"a certificate of another authority": {file, other.URL, objstore.Untrusted, "caBundle"},
		"a certificate for another name": {
			file, strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), objstore.Untrusted, "endpoint",
		},
		"no TLS": {
			file, strings.Replace(plain.URL, "http:", "https:", 1), objstore.Transient, "http://",
		},
		"nobody listens":        {"", closed.URL, objstore.Transient, ""},
		"the connection is cut": {"", cut.URL, objstore.Transient, ""},
		"no such host":          {"", "http://store.invalid", objstore.Transient, "DNS"},
	} {
		t.Run(name, func(t *testing.T) {
			err := transport.ClassifyError(t.Context(), get(t.Context(), newClient(t, test.ca), test.url))
			fault, ok := errors.AsType[*objstore.Error](err)
			if !ok || fault.Class != test.class || !strings.Contains(fault.Cure, test.cure) {
				t.Errorf("got %+v, want %s with a cure that says %q", fault, test.class, test.cure)
			}
		})
	}
	t.Run("the caller gives up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := transport.ClassifyError(ctx, get(ctx, newClient(t, ""), plain.URL)); !errors.Is(err, context.Canceled) || objstore.ClassOf(err) != objstore.Unknown {
			t.Errorf("got %v", err)
		}
	})
	t.Run("an attempt takes too long", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		defer cancel()
		if err := transport.ClassifyError(ctx, get(ctx, newClient(t, ""), plain.URL)); objstore.ClassOf(err) != objstore.Transient {
			t.Errorf("got %v", err)
		}
	})
	if transport.ClassifyError(t.Context(), errors.New("something else")) != nil {
		t.Error("an error of another kind got a class")
	}
}

// otherServer has a certificate that httptest's authority did not sign.
func otherServer(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(ok))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// TestCAFileChanges renews the bundle while the client is in use.
func TestCAFileChanges(t *testing.T) {
	first, second := httptest.NewTLSServer(http.HandlerFunc(ok)), otherServer(t)
	t.Cleanup(first.Close)
	file := caFile(t, first)
	client := newClient(t, file)
	if err := get(t.Context(), client, second.URL); objstore.ClassOf(transport.ClassifyError(t.Context(), err)) != objstore.Untrusted {
		t.Fatalf("got %v", err)
	}
	writeCA(t, file, second)
	if err := os.Chtimes(file, time.Time{}, time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := get(t.Context(), client, second.URL); err != nil {
		t.Error(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	client.CloseIdleConnections()
	if err := get(t.Context(), client, second.URL); err != nil {
		t.Errorf("without the file: %v", err)
	}
}

func TestCAFileIsWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.crt")
	if _, err := transport.New(transport.Options{CAFile: file}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(file, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := transport.New(transport.Options{CAFile: file}); err == nil || !strings.Contains(err.Error(), "BEGIN CERTIFICATE") {
		t.Errorf("got %v", err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	server := httptest.NewServer(http.RedirectHandler("http://127.0.0.1:1/", http.StatusTemporaryRedirect))
	t.Cleanup(server.Close)
	if err := get(t.Context(), newClient(t, ""), server.URL); err != nil {
		t.Error(err)
	}
}

// TestConnectionsAreKept sends one request after the other: TLS handshakes cost more than small objects.
func TestConnectionsAreKept(t *testing.T) {
	addresses := map[string]bool{}
	server := httptest.NewTLSServer(
		http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { addresses[r.RemoteAddr] = true }),
	)
	t.Cleanup(server.Close)
	client := newClient(t, caFile(t, server))
	for range 5 {
		if err := get(t.Context(), client, server.URL); err != nil {
			t.Fatal(err)
		}
	}
	if len(addresses) != 1 {
		t.Errorf("%d connections", len(addresses))
	}
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "soon": 0, "Mon, 01 Jan 2001 00:00:00 GMT": 0,
	} {
		if got := transport.RetryAfter(http.Header{"Retry-After": {value}}); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
	date := time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)
	if got := transport.RetryAfter(http.Header{"Retry-After": {date}}); got < 50*time.Second || got > time.Minute {
		t.Errorf("%s: %s", date, got)
	}
}

func TestAnswerThatIsCut(t *testing.T) {
	answer := transport.ClassifyReads(t.Context(), io.NopCloser(io.MultiReader(strings.NewReader("half"), cutReader{})))
	got, err := io.ReadAll(answer)
	if string(got) != "half" || objstore.ClassOf(err) != objstore.Transient {
		t.Errorf("got %q, %v", got, err)
	}
}

type cutReader struct{}

func (cutReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
