package caller

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"lighterman.dev/lighterman/internal/test/pki"
)

// serve answers with the verdict, over a real listener that is configured as the webhook's.
func serve(t *testing.T, a *Authenticator) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewEncoder(w).Encode(a.Authenticate(r)); err != nil {
			t.Error(err)
		}
	}))
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	a.ConfigureTLS(server.TLS)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// ask sends a request, and fails the test unless it goes over the given version of HTTP.
func ask(t *testing.T, server *httptest.Server, version int, certificate *tls.Certificate, path, token string) Verdict {
	t.Helper()
	config := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS13}
	config.RootCAs.AddCert(server.Certificate())
	if certificate != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, nil }
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(version == 1)
	protocols.SetHTTP2(version == 2)
	transport := &http.Transport{TLSClientConfig: config, Protocols: protocols}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.ProtoMajor != version {
		t.Fatalf("the request went over %s", response.Proto)
	}
	var v Verdict
	if err := json.NewDecoder(response.Body).Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func newAuthenticator(t *testing.T, o Options) *Authenticator {
	t.Helper()
	a, err := New(o, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestClientCertificate(t *testing.T) {
	t.Parallel()
	ca, other := pki.NewAuthority(t, nil), pki.NewAuthority(t, nil)
	intermediate := pki.NewAuthority(t, ca)
	allowed := []string{"kube-apiserver", "spiffe://cluster/apiserver"}
	refused := func(detail string) Verdict {
		return Verdict{Method: None, Reason: ReasonBadCertificate, Detail: detail}
	}
	proven := Verdict{Trust: Proven, Method: Certificate}
	tests := map[string]struct {
		certificate *tls.Certificate
		want        Verdict
	}{
		"the common name":             {ca.Issue(t, "kube-apiserver", nil), proven},
		"a DNS name":                  {ca.Issue(t, "x", pki.DNSName("kube-apiserver")), proven},
		"a URI":                       {ca.Issue(t, "x", pki.URI("spiffe://cluster/apiserver")), proven},
		"an intermediate CA":          {intermediate.Issue(t, "kube-apiserver", nil, intermediate), proven},
		"none":                        {nil, Verdict{Method: None, Reason: ReasonNoCredentials, Detail: "no client certificate"}},
		"another CA":                  {other.Issue(t, "kube-apiserver", nil), refused("unknown authority")},
		"self-signed":                 {(*pki.Authority)(nil).Issue(t, "kube-apiserver", nil), refused("unknown authority")},
		"its intermediate is missing": {intermediate.Issue(t, "kube-apiserver", nil), refused("")},
		"expired":                     {ca.Issue(t, "kube-apiserver", pki.Valid(-2*time.Hour, -time.Hour)), refused("expired")},
		"not valid yet":               {ca.Issue(t, "kube-apiserver", pki.Valid(time.Hour, 2*time.Hour)), refused("expired or is not yet")},
		"another name":                {ca.Issue(t, "system:node:a", nil), refused("--client-allowed-name")},
		"a name that begins the same": {ca.Issue(t, "kube-apiserver2", nil), refused("--client-allowed-name")},
		"a name in another case":      {ca.Issue(t, "KUBE-APISERVER", nil), refused("--client-allowed-name")},
		"a server's certificate": {ca.Issue(t, "kube-apiserver", func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}), refused("usage")},
		"a long name, cut": {ca.Issue(t, strings.Repeat("x", 10_000)+"\n", nil), refused("…")},
	}
	server := serve(t, newAuthenticator(t, Options{CertificateOptions: CertificateOptions{CAFile: pki.File(t, ca), AllowedNames: allowed}}))
	for name, test := range tests {
		for _, version := range []int{1, 2} {
			got := ask(t, server, version, test.certificate, Path, "")
			if got.Trust != test.want.Trust || got.Method != test.want.Method || got.Reason != test.want.Reason ||
				!strings.Contains(got.Detail, test.want.Detail) || len(got.Detail) > 300 {
				t.Errorf("%s, HTTP/%d: got %+v, want %+v", name, version, got, test.want)
			}
		}
	}
}

func TestAnyNameOfTheCA(t *testing.T) {
	t.Parallel()
	ca, other := pki.NewAuthority(t, nil), pki.NewAuthority(t, nil)
	a := newAuthenticator(t, Options{CertificateOptions: CertificateOptions{CAFile: pki.File(t, ca), AllowedNames: []string{AnyName}}})
	server := serve(t, a)
	if v := ask(t, server, 1, ca.Issue(t, "whoever", nil), Path, ""); v.Trust != Proven {
		t.Errorf("got %+v", v)
	}
	if v := ask(t, server, 1, other.Issue(t, "whoever", nil), Path, ""); v.Trust != Refused {
		t.Errorf("got %+v", v)
	}
}

func TestClientCAIsReadAgain(t *testing.T) {
	t.Parallel()
	first, second := pki.NewAuthority(t, nil), pki.NewAuthority(t, nil)
	file := pki.File(t, first)
	a := newAuthenticator(t, Options{CertificateOptions: CertificateOptions{CAFile: file, AllowedNames: []string{"kube-apiserver"}}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Start(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	server := serve(t, a)
	old, renewed := first.Issue(t, "kube-apiserver", nil), second.Issue(t, "kube-apiserver", nil)
	become := func(certificate *tls.Certificate, want Trust) {
		t.Helper()
		deadline := time.Now().Add(20 * time.Second)
		for v := (Verdict{Trust: -1}); v.Trust != want; time.Sleep(50 * time.Millisecond) {
			if v = ask(t, server, 1, certificate, Path, ""); time.Now().After(deadline) {
				t.Fatalf("got %+v, want %v", v, want)
			}
		}
	}
	become(old, Proven)
	become(renewed, Refused)
	pki.Write(t, file, first, second)
	become(renewed, Proven)
	become(old, Proven)
	pki.Write(t, file, second)
	become(old, Refused)
	for _, broken := range []string{"", "no PEM", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(pollCA + 200*time.Millisecond)
		become(renewed, Proven)
		become(old, Refused)
	}
}

func TestOptionsThatProveNothingAreErrors(t *testing.T) {
	t.Parallel()
	file := pki.File(t, pki.NewAuthority(t, nil))
	empty := pki.File(t)
	keys := (&issuer{}).source
	tests := map[string]struct {
		options Options
		want    string
	}{
		"a CA without names":        {Options{CertificateOptions: CertificateOptions{CAFile: file}}, "Set --client-allowed-name"},
		"an empty name":             {Options{CertificateOptions: CertificateOptions{CAFile: file, AllowedNames: []string{""}}}, "--client-allowed-name is empty"},
		"names without a CA":        {Options{CertificateOptions: CertificateOptions{AllowedNames: []string{"a"}}}, "set --client-ca-file"},
		"no file":                   {Options{CertificateOptions: CertificateOptions{CAFile: file + "x", AllowedNames: []string{"a"}}}, "no such file"},
		"an empty file":             {Options{CertificateOptions: CertificateOptions{CAFile: empty, AllowedNames: []string{"a"}}}, "holds no certificate"},
		"tokens of nothing":         {Options{TokenOptions: TokenOptions{Keys: keys, Audience: "a"}}, "--webhook-configuration"},
		"tokens without audience":   {Options{TokenOptions: TokenOptions{Keys: keys, WebhookConfiguration: "a"}}, "audience"},
		"subjects without tokens":   {Options{TokenOptions: TokenOptions{Subjects: []string{"a"}}}, "set --caller-tokens"},
		"report only, with nothing": {Options{ReportOnly: true}, "neither --client-ca-file nor --caller-tokens is set"},
	}
	for name, test := range tests {
		if _, err := New(test.options, logr.Discard()); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}
