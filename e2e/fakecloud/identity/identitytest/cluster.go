package identitytest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"lighterman.dev/lighterman/e2e/fakecloud/identity"
)

// Issuer and Subject are those of the cluster's tokens.
const (
	Issuer  = "https://issuer.example.com"
	Subject = "system:serviceaccount:team:backup"
)

// Cluster signs tokens.
type Cluster struct{ Key *rsa.PrivateKey }

// New makes a cluster with a key of its own.
func New(tb testing.TB) *Cluster {
	tb.Helper()
	return &Cluster{Key: NewKey(tb)}
}

// NewKey makes a key.
func NewKey(tb testing.TB) *rsa.PrivateKey {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// Verifier verifies the cluster's tokens.
func (c *Cluster) Verifier() identity.Verifier {
	keys := &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: c.Key.Public(), KeyID: "1", Algorithm: string(jose.RS256), Use: "sig"}}}
	return identity.Verifier{Issuer: Issuer, Keys: func(context.Context) (*jose.JSONWebKeySet, error) { return keys, nil }}
}

// Token signs a token for an audience, which is right but for what change makes of it.
func (c *Cluster) Token(tb testing.TB, audience string, change ...func(*jwt.Claims)) string {
	tb.Helper()
	claims := jwt.Claims{Issuer: Issuer, Subject: Subject, Audience: jwt.Audience{audience}}
	return Sign(tb, c.Key, map[jose.HeaderKey]any{"kid": "1"}, Lasting(claims, change...))
}

// Lasting makes claims valid for ten minutes around now, but for what change makes of them.
func Lasting(claims jwt.Claims, change ...func(*jwt.Claims)) jwt.Claims {
	now := time.Now()
	claims.IssuedAt, claims.NotBefore = jwt.NewNumericDate(now.Add(-time.Minute)), jwt.NewNumericDate(now.Add(-time.Minute))
	claims.Expiry = jwt.NewNumericDate(now.Add(10 * time.Minute))
	for _, f := range change {
		f(&claims)
	}
	return claims
}

// Sign signs claims with RS256 and further headers.
func Sign(tb testing.TB, key *rsa.PrivateKey, headers map[jose.HeaderKey]any, claims any) string {
	tb.Helper()
	options := &jose.SignerOptions{ExtraHeaders: headers}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, options)
	if err != nil {
		tb.Fatal(err)
	}
	raw, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// Expired ends them a second ago.
func Expired(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(time.Now().Add(-time.Second)) }

// Early begins them in a minute.
func Early(c *jwt.Claims) { c.NotBefore = jwt.NewNumericDate(time.Now().Add(time.Minute)) }

// Endless takes their end away.
func Endless(c *jwt.Claims) { c.Expiry = nil }

// OtherIssuer names another issuer.
func OtherIssuer(c *jwt.Claims) { c.Issuer = "https://other.example.com" }

// OtherSubject names another service account.
func OtherSubject(c *jwt.Claims) { c.Subject = "system:serviceaccount:team:other" }

// OtherAudience names another audience.
func OtherAudience(c *jwt.Claims) { c.Audience = jwt.Audience{"other"} }
