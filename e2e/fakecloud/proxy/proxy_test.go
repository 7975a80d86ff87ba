package proxy_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"lighterman.dev/lighterman/e2e/fakecloud/proxy"
)

// TestRequestsStayAsTheyAre compares what a store gets with what a client signed.
func TestRequestsStayAsTheyAre(t *testing.T) {
	var got *http.Request
	store := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r }))
	defer store.Close()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "https://bucket.s3.amazonaws.com/a%2Fb//c+d?x=1;y=%zz&acl", strings.NewReader("body"))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 …")
	newProxy(t, store.URL).ServeHTTP(httptest.NewRecorder(), r)
	if got == nil {
		t.Fatal("nothing arrived")
	}
	if got.Host != r.Host || got.RequestURI != "/a%2Fb//c+d?x=1;y=%zz&acl" || got.Header.Get("Authorization") != r.Header.Get("Authorization") || got.ContentLength != 4 {
		t.Errorf("host %s, URI %s, header %v, length %d", got.Host, got.RequestURI, got.Header, got.ContentLength)
	}
	for _, added := range []string{"X-Forwarded-For", "Accept-Encoding", "User-Agent"} {
		if v := got.Header.Get(added); v != "" {
			t.Errorf("%s: %s was added", added, v)
		}
	}
}

// TestBodiesAreStreamed has a store that waits for the client in the middle of each body. A proxy that holds something back never
// comes to the end.
func TestBodiesAreStreamed(t *testing.T) {
	arrived, read := make(chan string, 1), make(chan struct{})
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := bufio.NewReader(r.Body)
		line, _ := body.ReadString('\n')
		arrived <- line
		_, _ = io.Copy(io.Discard, body)
		_, _ = io.WriteString(w, "answer\n")
		_ = http.NewResponseController(w).Flush()
		<-read
	}))
	defer store.Close()
	front := httptest.NewServer(newProxy(t, store.URL))
	defer front.Close()
	body, writer := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, front.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.WriteString(writer, "first\n")
		if line := <-arrived; line != "first\n" {
			t.Errorf("%q arrived", line)
		}
		_ = writer.Close()
	}()
	response, err := (&http.Client{Timeout: 10 * time.Second}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if line, err := bufio.NewReader(response.Body).ReadString('\n'); line != "answer\n" {
		t.Errorf("got %q, error %v", line, err)
	}
	close(read)
}

func newProxy(t *testing.T, target string) http.Handler {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	return proxy.To(u, nil)
}
