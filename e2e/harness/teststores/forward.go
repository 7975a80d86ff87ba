package teststores

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// ForwardProxy is an HTTP proxy that programs are told of. It makes tunnels, each to the server behind it.
type ForwardProxy struct {
	// URL is the value of HTTPS_PROXY.
	URL string
	// Status is its answer in the place of a tunnel; zero: it makes one. Resets makes it reset the connection.
	Status int
	Resets bool
	// Asked counts the requests for a tunnel.
	Asked atomic.Int64

	server string
	http   *httptest.Server
}

// NewForwardProxy starts a proxy in front of a server.
func NewForwardProxy(tb testing.TB, server string) *ForwardProxy {
	tb.Helper()
	p := &ForwardProxy{server: server}
	p.http = httptest.NewServer(p)
	p.URL = p.http.URL
	tb.Cleanup(p.http.Close)
	return p
}

// Stop ends the proxy: nobody listens any more.
func (p *ForwardProxy) Stop() { p.http.Close() }

// ServeHTTP implements http.Handler.
func (p *ForwardProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.Asked.Add(1)
	switch {
	case p.Resets:
		c, _, err := w.(http.Hijacker).Hijack()
		if err == nil && c.(*net.TCPConn).SetLinger(0) == nil {
			c.Close()
		}
	case p.Status != 0:
		w.WriteHeader(p.Status)
	case r.Method != http.MethodConnect:
		w.WriteHeader(http.StatusMethodNotAllowed)
	default:
		p.tunnel(w)
	}
}

func (p *ForwardProxy) tunnel(w http.ResponseWriter) {
	to, err := net.Dial("tcp", strings.TrimPrefix(p.server, "https://")) //nolint:noctx // It ends with the server.
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer to.Close()
	c, from, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
	go io.Copy(to, from)
	io.Copy(c, to)
}
