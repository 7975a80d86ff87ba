package google

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"lighterman.dev/lighterman/e2e/fakecloud/directory"
	"lighterman.dev/lighterman/e2e/fakecloud/identity"
)

const (
	// tokenLifetime is what the services give, and the longest that they take.
	tokenLifetime = time.Hour
	// apis is the audience of the access tokens that are issued here. Google's own are opaque.
	apis = "https://www.googleapis.com/"
	iam  = "//iam.googleapis.com/"
	// scopeCloud and scopeStorage are the scopes with which Cloud Storage can be used.
	scopeCloud   = "https://www.googleapis.com/auth/cloud-platform"
	scopeStorage = "https://www.googleapis.com/auth/devstorage."
)

// Tokens issues access tokens, and knows whose they are.
type Tokens struct {
	Directory *directory.Directory
	Signer    *identity.Signer
}

// Issue returns a token for a principal.
func (t Tokens) Issue(principal string, valid time.Duration) (string, error) {
	return t.Signer.Sign(identity.Access{Claims: jwt.Claims{
		Issuer: "https://accounts.google.com", Subject: principal, Audience: jwt.Audience{apis},
	}}, valid)
}

// Principal returns the owner of an access token.
func (t Tokens) Principal(raw string) (string, error) {
	access, err := t.Signer.Verify(raw, apis)
	if err == nil {
		return access.Subject, nil
	}
	if !errors.Is(err, identity.ErrSignature) {
		return "", err
	}
	// Google's libraries spare themselves the exchange where they have a key: they sign a token for the service directly.
	claims, err := t.signedByKey(raw)
	if err != nil {
		return "", err
	}
	forStorage := slices.ContainsFunc(claims.Audience, func(a string) bool {
		return strings.TrimSuffix(a, "/") == "https://"+storageHost
	})
	if !forStorage && !grantsStorage(claims.Scope) {
		return "", identity.ErrAudience
	}
	return claims.Issuer, nil
}

func grantsStorage(scopes string) bool {
	return slices.ContainsFunc(strings.Fields(scopes), func(s string) bool {
		return s == scopeCloud || strings.HasPrefix(s, scopeStorage)
	})
}

// keyClaims are those of a token that a service account's key signed.
type keyClaims struct {
	jwt.Claims
	Scope string `json:"scope"`
}

// signedByKey verifies a token against the registered key that it names, of the account that it names. One that names no
// key, like pgBackRest's, is tried with all of the account's, as Google does.
func (t Tokens) signedByKey(raw string) (keyClaims, error) {
	var claims keyClaims
	token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return claims, fmt.Errorf("%w: %w", identity.ErrMalformed, err)
	}
	var says jwt.Claims
	if err := token.UnsafeClaimsWithoutVerification(&says); err != nil {
		return claims, fmt.Errorf("%w: %w", identity.ErrMalformed, err)
	}
	verified := slices.ContainsFunc(t.Directory.Keys(says.Issuer, token.Headers[0].KeyID), func(account directory.ServiceAccount) bool {
		key, err := x509.ParsePKIXPublicKey(account.PublicKey)
		return err == nil && token.Claims(key, &claims) == nil
	})
	if !verified {
		return claims, fmt.Errorf("%w: %s has no such key, named %q", identity.ErrSignature, says.Issuer, token.Headers[0].KeyID)
	}
	if claims.Subject != "" && claims.Subject != claims.Issuer {
		return claims, fmt.Errorf("%w: the key is of %s", identity.ErrIssuer, claims.Issuer)
	}
	if err := identity.Lifetime(claims.Claims); err != nil {
		return claims, err
	}
	if claims.IssuedAt == nil || claims.Expiry.Time().Sub(claims.IssuedAt.Time()) > tokenLifetime {
		return claims, fmt.Errorf("%w: it must have iat, and exp within an hour after it", identity.ErrLifetime)
	}
	return claims, nil
}
