package teststores

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"testing"
)

// Interceptor is a store that answers some requests otherwise than the one behind it.
type Interceptor struct {
	*httptest.Server

	// Instead answers a request in place of the store, or leaves it to the store with false. Nil leaves all.
	Instead func(w http.ResponseWriter, r *http.Request) bool
	// Answer changes an answer of the store. An error breaks the connection. Nil changes none.
	Answer func(*http.Response) error
}

// Intercept puts an Interceptor in front of a server. It has the server's certificate; without one it speaks no TLS.
func Intercept(tb testing.TB, server string, files Files) *Interceptor {
	tb.Helper()
	i := &Interceptor{}
	proxy := passOn(tb, server, files)
	proxy.ModifyResponse = func(r *http.Response) error {
		if i.Answer == nil {
			return nil
		}
		return i.Answer(r)
	}
	i.Server = files.serve(tb, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if i.Instead == nil || !i.Instead(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	return i
}

// passOn passes requests on to a server, as they are.
func passOn(tb testing.TB, server string, files Files) *httputil.ReverseProxy {
	tb.Helper()
	target, err := url.Parse(server)
	if err != nil {
		tb.Fatal(err)
	}
	// Servers close idle connections when they like; a body that was sent in part cannot be sent again.
	t := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	if files.CA != "" {
		pem, err := os.ReadFile(files.CA)
		if err != nil {
			tb.Fatal(err)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
		t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem)
	}
	return &httputil.ReverseProxy{
		Transport: t,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			r.Out.URL.RawQuery = r.In.URL.RawQuery // It is signed,
			r.Out.Host = r.In.Host                 // and so is this.
			if files.CA != "" {
				r.Out.Header.Set("X-Forwarded-Proto", "https") // fake-gcs-server makes URLs of it.
			}
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
}

// serve serves with the certificate, until the test ends. Without one it speaks no TLS.
func (f Files) serve(tb testing.TB, handler http.Handler) *httptest.Server {
	tb.Helper()
	s := httptest.NewUnstartedServer(handler)
	tb.Cleanup(s.Close)
	if f.Cert == "" {
		s.Start()
		return s
	}
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		tb.Fatal(err)
	}
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	return s
}
