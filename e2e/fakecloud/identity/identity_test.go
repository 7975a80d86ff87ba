package identity_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"lighterman.dev/lighterman/e2e/fakecloud/identity"
	"lighterman.dev/lighterman/e2e/fakecloud/identity/identitytest"
)

func TestVerifier(t *testing.T) {
	cluster, stranger := identitytest.New(t), identitytest.New(t)
	right := cluster.Token(t, "audience")
	header, _, _ := strings.Cut(right, ".")
	tests := map[string]struct {
		token string
		want  error
	}{
		"right":              {right, nil},
		"signed by another":  {stranger.Token(t, "audience"), identity.ErrSignature},
		"of another issuer":  {cluster.Token(t, "audience", identitytest.OtherIssuer), identity.ErrIssuer},
		"expired":            {cluster.Token(t, "audience", identitytest.Expired), identity.ErrLifetime},
		"not valid yet":      {cluster.Token(t, "audience", identitytest.Early), identity.ErrLifetime},
		"without an end":     {cluster.Token(t, "audience", identitytest.Endless), identity.ErrLifetime},
		"not a token":        {"guess", identity.ErrMalformed},
		"without signature":  {strings.Replace(right, header, "eyJhbGciOiJub25lIn0", 1), identity.ErrMalformed},
		"claims of another":  {splice(right, cluster.Token(t, "more")), identity.ErrSignature},
		"the empty string":   {"", identity.ErrMalformed},
		"only header and id": {header + ".e30", identity.ErrMalformed},
	}
	for name, test := range tests {
		claims, err := cluster.Verifier().Verify(t.Context(), test.token)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: error %v, want %v", name, err, test.want)
		}
		if test.want == nil && claims.Subject != identitytest.Subject {
			t.Errorf("%s: subject %q", name, claims.Subject)
		}
	}
}

// splice puts the claims of one token under the signature of another.
func splice(signed, claims string) string {
	a, b := strings.Split(signed, "."), strings.Split(claims, ".")
	return strings.Join([]string{a[0], b[1], a[2]}, ".")
}

func TestSigner(t *testing.T) {
	ours, err := identity.NewSigner()
	if err != nil {
		t.Fatal(err)
	}
	other, err := identity.NewSigner()
	if err != nil {
		t.Fatal(err)
	}
	sign := func(s *identity.Signer, valid time.Duration) string {
		t.Helper()
		raw, err := s.Sign(identity.Access{Claims: jwt.Claims{Subject: "me", Audience: jwt.Audience{"storage"}}}, valid)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	tests := map[string]struct {
		token, audience string
		want            error
	}{
		"right":                {sign(ours, time.Minute), "storage", nil},
		"for another service":  {sign(ours, time.Minute), "mail", identity.ErrAudience},
		"of another authority": {sign(other, time.Minute), "storage", identity.ErrSignature},
		"expired":              {sign(ours, -time.Minute), "storage", identity.ErrLifetime},
		"not a token":          {"guess", "storage", identity.ErrMalformed},
	}
	for name, test := range tests {
		access, err := ours.Verify(test.token, "more", test.audience)
		if !errors.Is(err, test.want) || err == nil && access.Subject != "me" {
			t.Errorf("%s: subject %q, error %v, want %v", name, access.Subject, err, test.want)
		}
	}
}
