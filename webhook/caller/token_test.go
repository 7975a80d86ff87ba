package caller

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// issuer signs tokens as an API server does.
type issuer struct {
	key   *ecdsa.PrivateKey
	id    string
	err   error
	reads int
}

func newIssuer(t *testing.T, id string) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{key: key, id: id}
}

func (i *issuer) source(context.Context) (string, *jose.JSONWebKeySet, error) {
	i.reads++
	if i.err != nil {
		return "", nil, i.err
	}
	return "https://kubernetes.default.svc", &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: &i.key.PublicKey, KeyID: i.id, Algorithm: string(jose.ES256), Use: "sig"},
	}}, nil
}

const audience = "https://lighterman.lighterman-system.svc:443/mutate--v1-pod"

// boundClaims are those of a token that an API server sends.
func boundClaims() map[string]any {
	now := time.Now()
	return map[string]any{
		"iss": "https://kubernetes.default.svc", "sub": "system:serviceaccount:kube-system:kube-apiserver", "aud": []string{audience},
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
		"kubernetes.io": map[string]any{
			"namespace": "kube-system", "serviceaccount": map[string]any{"name": "kube-apiserver", "uid": "u"},
			"mutatingwebhookconfiguration": map[string]any{"name": "lighterman", "uid": "v"},
			"attestations":                 map[string]any{"admissionReviewAPIGroups": []string{"*"}},
		},
	}
}

func (i *issuer) sign(t *testing.T, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: i.key, KeyID: i.id}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func tokenOptions(i *issuer, subjects ...string) Options {
	return Options{TokenOptions: TokenOptions{
		Keys: i.source, WebhookConfiguration: "lighterman",
		Audience: ServiceAudience("lighterman", "lighterman-system"), Subjects: subjects,
	}}
}

func TestToken(t *testing.T) {
	t.Parallel()
	api, stranger := newIssuer(t, "k1"), newIssuer(t, "k1")
	with := func(change func(map[string]any)) string {
		claims := boundClaims()
		change(claims)
		return api.sign(t, claims)
	}
	set := func(key string, value any) string { return with(func(c map[string]any) { c[key] = value }) }
	private := func(key string, value any) string {
		return with(func(c map[string]any) { c["kubernetes.io"].(map[string]any)[key] = value })
	}
	good := api.sign(t, boundClaims())
	parts := strings.Split(good, ".")
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"k1"}`)) + "." + parts[1] + "."
	now := time.Now()
	tests := map[string]struct {
		token, path string
		want        string // empty: proven
	}{
		"the API server's":        {good, Path, ""},
		"one audience of several": {set("aud", []string{"other", audience}), Path, ""},
		"for a secret path":       {set("aud", audience+"/secret"), Path + "/secret", ""},

		"a replay at another path":       {good, Path + "/secret", "audience"},
		"another audience":               {set("aud", "https://other.lighterman-system.svc:443/mutate--v1-pod"), Path, "audience"},
		"the audience of the API server": {set("aud", "https://kubernetes.default.svc"), Path, "audience"},
		"no audience":                    {with(func(c map[string]any) { delete(c, "aud") }), Path, "audience"},
		"another issuer":                 {set("iss", "https://elsewhere"), Path, "issuer"},
		"expired": {with(func(c map[string]any) {
			c["iat"], c["nbf"], c["exp"] = now.Add(-20*time.Minute).Unix(), now.Add(-20*time.Minute).Unix(), now.Add(-10*time.Minute).Unix()
		}), Path, "expired"},
		"not valid yet":  {set("nbf", now.Add(5*time.Minute).Unix()), Path, "not valid yet"},
		"without an end": {with(func(c map[string]any) { delete(c, "exp") }), Path, "valid for longer"},
		"with a far end": {set("exp", now.Add(time.Hour).Unix()), Path, "valid for longer"},
		"of a pod": {with(func(c map[string]any) {
			c["kubernetes.io"] = map[string]any{"namespace": "a", "pod": map[string]any{"name": "b"}}
		}), Path, "not bound"},
		"of another webhook":     {private("mutatingwebhookconfiguration", map[string]any{"name": "other"}), Path, "not bound"},
		"of a validating one":    {private("mutatingwebhookconfiguration", nil), Path, "not bound"},
		"without an attestation": {private("attestations", nil), Path, "does not attest"},
		"of one API group":       {private("attestations", map[string]any{"admissionReviewAPIGroups": []string{"apps"}}), Path, "does not attest"},
		"signed by a stranger":   {stranger.sign(t, boundClaims()), Path, "signature"},
		"of an unknown key":      {newIssuer(t, "k2").sign(t, boundClaims()), Path, "key is not one"},
		"not signed":             {unsigned, Path, "no signed JWT"},
		"changed claims":         {parts[0] + "." + strings.Split(set("sub", "system:admin"), ".")[1] + "." + parts[2], Path, "signature"},
		"cut off":                {good[:len(good)-1], Path, "no signed JWT"},
		"no JWT":                 {"abc", Path, "no signed JWT"},
		"too long":               {strings.Repeat("a", maxToken+1), Path, "longer than"},
	}
	server := serve(t, newAuthenticator(t, tokenOptions(api)))
	for name, test := range tests {
		for _, version := range []int{1, 2} {
			got := ask(t, server, version, nil, test.path, test.token)
			if test.want == "" && (got.Trust != Proven || got.Method != Token) ||
				test.want != "" && (got.Trust != Refused || got.Reason != ReasonBadToken || !strings.Contains(got.Detail, test.want)) {
				t.Errorf("%s, HTTP/%d: got %+v, want %q", name, version, got, test.want)
			}
		}
	}
	if got := ask(t, server, 1, nil, Path, ""); got.Trust != Refused || got.Reason != ReasonNoCredentials {
		t.Errorf("without a token: got %+v", got)
	}
}

func TestTokenSubject(t *testing.T) {
	t.Parallel()
	api := newIssuer(t, "k1")
	server := serve(t, newAuthenticator(t, tokenOptions(api, "system:serviceaccount:kube-system:kube-apiserver")))
	other := boundClaims()
	other["sub"] = "system:serviceaccount:tenant:attester"
	if got := ask(t, server, 1, nil, Path, api.sign(t, boundClaims())); got.Trust != Proven {
		t.Errorf("got %+v", got)
	}
	if got := ask(t, server, 1, nil, Path, api.sign(t, other)); got.Trust != Refused || !strings.Contains(got.Detail, "--caller-token-subject") {
		t.Errorf("got %+v", got)
	}
}

// A stranger's tokens must not make the webhook read the keys once for each.
func TestKeysAreReadAtABoundedRate(t *testing.T) {
	t.Parallel()
	api := newIssuer(t, "k1")
	a := newAuthenticator(t, tokenOptions(api))
	check := func(token string) error {
		return a.tokens.verify(t.Context(), token, Path, time.Now())
	}
	if err := check(api.sign(t, boundClaims())); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if err := check(newIssuer(t, rand.Text()).sign(t, boundClaims())); err == nil {
			t.Fatal("an unknown key is accepted")
		}
	}
	if api.reads != 1 {
		t.Errorf("the keys were read %d times", api.reads)
	}
	// The API server changes its key: the next token makes the new one known, once the interval is over.
	api.id = "k2"
	a.tokens.keys.limiter.SetBurst(2)
	a.tokens.keys.limiter.SetLimitAt(time.Now().Add(-time.Hour), a.tokens.keys.limiter.Limit())
	api.err = errors.New("connection refused")
	if err := check(api.sign(t, boundClaims())); err == nil || !strings.Contains(err.Error(), "cannot be read: connection refused") {
		t.Errorf("got %v", err)
	}
	api.err = nil
	a.tokens.keys.limiter.SetLimit(1e9)
	if err := check(api.sign(t, boundClaims())); err != nil {
		t.Errorf("got %v", err)
	}
}
