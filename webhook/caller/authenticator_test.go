package caller

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr/funcr"

	"lighterman.dev/lighterman/internal/test/pki"
)

func TestSecretPath(t *testing.T) {
	t.Parallel()
	old, current := rand.Text(), rand.Text()
	a := newAuthenticator(t, Options{Paths: Secrets{old, current, ""}})
	server := serve(t, a)
	for _, path := range []string{Path + "/" + old, Path + "/" + current} {
		for _, version := range []int{1, 2} {
			if v := ask(t, server, version, nil, path, ""); v.Trust != Proven || v.Method != SecretPath {
				t.Errorf("got %+v", v)
			}
		}
	}
	wrong := []string{Path, Path + "/", Path + "//" + current, "/" + current, current, "/" + Path + "/" + current, Path + current, Path + "/" + current + "/", Path + "/" + current + "x", Path + "/" + current[1:], Path + "/" + strings.ToLower(current), Path + "/" + old + current}
	for i := range current {
		changed := []byte(current)
		changed[i] ^= 1
		wrong = append(wrong, Path+"/"+string(changed))
	}
	for _, path := range wrong {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/", nil)
		r.URL.Path = path
		if v := a.Authenticate(r); v.Trust != Refused || v.Reason != ReasonBadPath {
			t.Errorf("path %q: got %+v", path, v)
		}
	}
}

// What is stronger stands in for what is weaker: a path that leaked proves nothing where certificates do.
func TestWhichMethodsCount(t *testing.T) {
	t.Parallel()
	ca, api, secret := pki.NewAuthority(t, nil), newIssuer(t, "k1"), rand.Text()
	certificates := CertificateOptions{CAFile: pki.File(t, ca), AllowedNames: []string{"kube-apiserver"}}
	tokens := tokenOptions(api).TokenOptions
	certificate, token := ca.Issue(t, "kube-apiserver", nil), api.sign(t, boundClaims())
	type proofs struct {
		certificate *tls.Certificate
		token, path string
	}
	path := Path + "/" + secret
	tests := map[string]struct {
		options Options
		inForce []Method
		want    map[string]Trust // of: certificate, token, path, nothing
	}{
		"nothing":      {Options{}, []Method{None}, map[string]Trust{"certificate": Unproven, "token": Unproven, "path": Refused, "nothing": Unproven}},
		"a path":       {Options{Paths: Secrets{secret}}, []Method{SecretPath}, map[string]Trust{"path": Proven}},
		"certificates": {Options{CertificateOptions: certificates}, []Method{Certificate}, map[string]Trust{"certificate": Proven}},
		"certificates and a path": {
			Options{CertificateOptions: certificates, Paths: Secrets{secret}}, []Method{Certificate}, map[string]Trust{"certificate": Proven},
		},
		"tokens and a path": {Options{TokenOptions: tokens, Paths: Secrets{secret}}, []Method{Token}, map[string]Trust{"token": Proven}},
		"certificates and tokens": {
			Options{CertificateOptions: certificates, TokenOptions: tokens},
			[]Method{Certificate, Token},
			map[string]Trust{"certificate": Proven, "token": Proven},
		},
		"certificates that are reported, and a path": {
			Options{CertificateOptions: certificates, Paths: Secrets{secret}, ReportOnly: true},
			[]Method{Certificate, SecretPath},
			map[string]Trust{"certificate": Proven, "path": Proven},
		},
		"certificates that are reported": {
			Options{CertificateOptions: certificates, ReportOnly: true},
			[]Method{Certificate, None},
			map[string]Trust{"certificate": Proven, "token": Unproven, "nothing": Unproven},
		},
	}
	for name, test := range tests {
		a := newAuthenticator(t, test.options)
		if got := a.InForce(); !slices.Equal(got, test.inForce) || a.AnswersUnproven() != slices.Contains(test.inForce, None) {
			t.Errorf("%s: in force are %v, %v", name, got, a.AnswersUnproven())
		}
		server := serve(t, a)
		for what, p := range map[string]proofs{
			"certificate": {certificate, "", Path}, "token": {nil, token, Path}, "path": {nil, "", path}, "nothing": {nil, "", Path},
		} {
			if got := ask(t, server, 1, p.certificate, p.path, p.token); got.Trust != test.want[what] {
				t.Errorf("%s, a request with %s: got %+v, want %v", name, what, got, test.want[what])
			}
		}
	}
	var none *Authenticator
	none.ConfigureTLS(&tls.Config{})
	if got := none.Authenticate(httptest.NewRequestWithContext(t.Context(), "POST", Path, nil)); got.Trust != Unproven || !none.AnswersUnproven() {
		t.Errorf("no authenticator: got %+v", got)
	}
}

func TestRefusalsAreLoggedAtABoundedRate(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var lines bytes.Buffer
	count := 0
	log := NewRefusalLog(funcr.New(func(_, args string) {
		mu.Lock()
		defer mu.Unlock()
		count++
		lines.WriteString(args + "\n")
	}, funcr.Options{}))
	for range 10_000 {
		log.LogRefusal("10.0.0.7:4711", ReasonBadPath, "detail")
	}
	if count < logBurst || count > logBurst+5 {
		t.Errorf("%d lines for 10,000 refusals", count)
	}
	if !strings.Contains(lines.String(), `"source"="10.0.0.7:4711"`) {
		t.Errorf("got %s", lines.String())
	}
	log.limiter.SetBurst(1000)
	log.limiter.SetLimit(1e9)
	log.LogRefusal("10.0.0.8:1", ReasonBadPath, "detail")
	if got := lines.String(); !strings.Contains(got, `"suppressed"=99`) {
		t.Errorf("no count of suppressed lines: %s", got)
	}
}
