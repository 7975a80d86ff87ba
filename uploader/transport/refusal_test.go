package transport_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader/transport"
)

// refuser answers each request as soon as its header has come, and closes the connection with the body unread: the kernel
// then resets it.
type refuser struct {
	net.Listener

	answer string
}

func newRefuser(t *testing.T, answer string, pair *tls.Certificate) *refuser {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if pair != nil {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{*pair}, MinVersion: tls.VersionTLS12})
	}
	r := &refuser{l, answer}
	t.Cleanup(func() { _ = l.Close() })
	go r.serve()
	return r
}

func (r *refuser) serve() {
	for {
		c, err := r.Accept()
		if err != nil {
			return
		}
		go r.refuse(c)
	}
}

func (r *refuser) refuse(c net.Conn) {
	head := bufio.NewReader(c)
	for {
		line, err := head.ReadString('\n')
		if err != nil {
			_ = c.Close()
			return
		}
		if line == "\r\n" {
			break
		}
	}
	time.Sleep(3 * time.Millisecond) // By now the client waits until more of its body is taken.
	io.WriteString(c, r.answer)
	if over, ok := c.(*tls.Conn); ok {
		c = over.NetConn()
	}
	_ = c.Close()
}

// refusal is an answer with a body of its own.
func refusal(status int) string {
	text := strings.Repeat("refused ", 200)
	return fmt.Sprintf("HTTP/1.1 %d Refused\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, len(text), text)
}

// TestAnswerBeatsBrokenWrite has a server that refuses a request in the middle of its body and closes. The answer must
// arrive each time, whole: with TLS, without, and through a proxy.
func TestAnswerBeatsBrokenWrite(t *testing.T) {
	const times = 50
	pair := selfSigned(t)
	ca := writeCertificate(t, pair)
	for name, with := range map[string]struct {
		pair    *tls.Certificate
		proxied bool
		scheme  string
	}{
		"plain":         {nil, false, "http"},
		"TLS":           {&pair, false, "https"},
		"TLS, by proxy": {&pair, true, "https"},
	} {
		for _, status := range []int{403, 412, 413, 503} {
			t.Run(fmt.Sprintf("%s/%d", name, status), func(t *testing.T) {
				server := newRefuser(t, refusal(status), with.pair)
				client := newClient(t, ca)
				if with.proxied {
					throughProxy(t, client)
				}
				for range times {
					began := time.Now()
					got, text, err := send(t, client, with.scheme+"://"+server.Addr().String(), 4<<20)
					if err != nil || got != status || len(text) != 1600 {
						t.Fatalf("got status %d with %d bytes, %v", got, len(text), err)
					}
					if took := time.Since(began); took > 3*time.Second {
						t.Errorf("it took %s", took)
					}
				}
			})
		}
	}
}

// send sends a body of zeros without waiting for 100 Continue: a server may say that and refuse all the same.
func send(t *testing.T, client *http.Client, url string, size int64) (status int, text string, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, io.LimitReader(zeros{}, size))
	if err != nil {
		return 0, "", err
	}
	req.ContentLength = size
	answer, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body), err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// throughProxy makes the client go through an HTTP proxy, which makes tunnels.
func throughProxy(t *testing.T, client *http.Client) {
	t.Helper()
	proxy := newTunnel(t)
	transport.SetProxy(client, &url.URL{Scheme: "http", Host: proxy})
}

// newTunnel starts a proxy that knows only CONNECT, and passes a reset on.
func newTunnel(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go tunnel(c)
		}
	}()
	return l.Addr().String()
}

func tunnel(c net.Conn) {
	defer func() { _ = c.Close() }()
	from := bufio.NewReader(c)
	req, err := http.ReadRequest(from)
	if err != nil {
		return
	}
	to, err := net.Dial("tcp", req.Host) //nolint:noctx // It ends with the test's server.
	if err != nil {
		return
	}
	defer func() { _ = to.Close() }()
	io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
	go io.Copy(to, from)
	io.Copy(c, to)
}

// TestBrokenWriteWithoutAnswer has a server that only closes: the error comes at once, not after the grace for an answer.
func TestBrokenWriteWithoutAnswer(t *testing.T) {
	pair := selfSigned(t)
	ca := writeCertificate(t, pair)
	for scheme, with := range map[string]*tls.Certificate{"http": nil, "https": &pair} {
		server := newRefuser(t, "", with)
		client := newClient(t, ca)
		for range 10 {
			began := time.Now()
			_, _, err := send(t, client, scheme+"://"+server.Addr().String(), 4<<20)
			if transport.ClassifyError(t.Context(), err) == nil {
				t.Errorf("%s: got %v", scheme, err)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("%s: it took %s", scheme, took)
			}
		}
	}
}
