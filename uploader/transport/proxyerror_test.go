package transport_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// forwardProxy passes requests and tunnels on, unless it answers them itself.
type forwardProxy struct {
	// status is its own answer; zero: it passes on. header is in that answer.
	status int
	header string
	// resets makes it reset the connection in place of an answer.
	resets bool
}

// ServeHTTP implements http.Handler.
func (p *forwardProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case p.resets:
		c, _, err := w.(http.Hijacker).Hijack()
		if err == nil && c.(*net.TCPConn).SetLinger(0) == nil {
			c.Close()
		}
	case p.status != 0:
		if p.header != "" {
			w.Header().Set(p.header, "1")
		}
		w.WriteHeader(p.status)
	case r.Method == http.MethodConnect:
		to, err := net.Dial("tcp", r.Host) //nolint:noctx // It ends with the test's server.
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
	default:
		w.Header().Set("X-Passed-On", "1")
		w.WriteHeader(http.StatusForbidden) // The store's own answer.
	}
}

// TestProxyFails has a proxy that fails in every way: the error names it, and not the store.
func TestProxyFails(t *testing.T) {
	secure, other, plain := httptest.NewTLSServer(http.HandlerFunc(ok)), otherServer(t), httptest.NewServer(http.HandlerFunc(ok))
	t.Cleanup(secure.Close)
	t.Cleanup(plain.Close)
	gone := httptest.NewServer(http.HandlerFunc(ok))
	gone.Close()
	ca := caFile(t, secure)
	for name, test := range map[string]struct {
		proxy *forwardProxy // Nil: nobody listens.
		url   string
		class objstore.Class
		cure  string // Empty: the error is not the proxy's.
	}{
		"no tunnel without a password":       {&forwardProxy{status: 407}, secure.URL, objstore.ProxyRefused, "asks for a user"},
		"no tunnel to this host":             {&forwardProxy{status: 403}, secure.URL, objstore.ProxyRefused, "spec.proxy.noProxy"},
		"no tunnels at all":                  {&forwardProxy{status: 405}, secure.URL, objstore.ProxyRefused, "spec.proxy.noProxy"},
		"it cannot reach the store":          {&forwardProxy{status: 502}, secure.URL, objstore.Transient, "cannot reach the store"},
		"it waits for the store in vain":     {&forwardProxy{status: 504}, secure.URL, objstore.Transient, "cannot reach the store"},
		"it is busy":                         {&forwardProxy{status: 503}, secure.URL, objstore.Transient, "cannot reach the store"},
		"it resets":                          {&forwardProxy{resets: true}, secure.URL, objstore.Transient, "no proxy answers at"},
		"nobody listens":                     {nil, secure.URL, objstore.Transient, "no proxy answers at"},
		"the store behind it is gone":        {&forwardProxy{}, strings.Replace(gone.URL, "http:", "https:", 1), objstore.Transient, "cannot reach the store"},
		"plain: no request without password": {&forwardProxy{status: 407}, plain.URL, objstore.ProxyRefused, "asks for a user"},
		"plain: Squid refuses":               {&forwardProxy{status: 403, header: "X-Squid-Error"}, plain.URL, objstore.ProxyRefused, "spec.proxy.noProxy"},
		"plain: it cannot reach the store":   {&forwardProxy{status: 502, header: "Proxy-Status"}, plain.URL, objstore.Transient, "cannot reach the store"},
		"plain: it resets":                   {&forwardProxy{resets: true}, plain.URL, objstore.Transient, "no proxy answers at"},
		"plain: nobody listens":              {nil, plain.URL, objstore.Transient, "no proxy answers at"},
		"the store's certificate is another": {&forwardProxy{}, other.URL, objstore.Untrusted, "caBundle"},
	} {
		t.Run(name, func(t *testing.T) {
			at := &url.URL{Scheme: "http", User: url.UserPassword("user", "hunter2"), Host: strings.TrimPrefix(gone.URL, "http://")}
			if test.proxy != nil {
				server := httptest.NewServer(test.proxy)
				t.Cleanup(server.Close)
				at.Host = strings.TrimPrefix(server.URL, "http://")
			}
			client := newClient(t, ca)
			transport.SetProxy(client, at)
			err := get(t.Context(), client, test.url)
			if err == nil {
				t.Fatal("no error")
			}
			fault := transport.ClassifyError(t.Context(), err)
			if objstore.ClassOf(fault) != test.class || !strings.Contains(objstore.CureOf(fault), test.cure) {
				t.Errorf("got %s: %v: %s", objstore.ClassOf(fault), fault, objstore.CureOf(fault))
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the password is in %v", err)
			}
			if named := strings.Contains(err.Error(), "the proxy http://"+at.Host); named == (test.class == objstore.Untrusted) {
				t.Errorf("the proxy is named: %v: %v", named, err)
			}
		})
	}
}

// TestAnswersThroughAProxy has a store that answers through a proxy: its refusals are its own.
func TestAnswersThroughAProxy(t *testing.T) {
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(secure.Close)
	server := httptest.NewServer(&forwardProxy{})
	t.Cleanup(server.Close)
	client := newClient(t, caFile(t, secure))
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport.SetProxy(client, at)
	for _, address := range []string{secure.URL, "http://store.example/"} {
		if err := get(t.Context(), client, address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}
