package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Algorithms are those of Kubernetes, of client certificates and of service account keys. "none" is not among them.
var Algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256}

// Why a token was refused. The services answer each in words of their own.
var (
	ErrMalformed = errors.New("not a signed token")
	ErrIssuer    = errors.New("the token's issuer is not trusted")
	ErrSignature = errors.New("the token's signature is wrong")
	ErrLifetime  = errors.New("the token has expired or is not valid yet")
)

// Keys fetches an issuer's public keys. They are fetched for each token: a rotation needs no cache to be emptied.
type Keys func(context.Context) (*jose.JSONWebKeySet, error)

// Verifier verifies the tokens of one issuer.
type Verifier struct {
	Issuer string
	Keys   Keys
}

// Verify checks signature, issuer and lifetime, and returns the claims of the token. The claims are returned with ErrIssuer and
// ErrLifetime too, for messages. Audience and subject are the caller's to check.
func (v Verifier) Verify(ctx context.Context, raw string) (jwt.Claims, error) {
	var unsafe jwt.Claims
	token, err := jwt.ParseSigned(raw, Algorithms)
	if err != nil {
		return unsafe, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := token.UnsafeClaimsWithoutVerification(&unsafe); err != nil {
		return unsafe, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if unsafe.Issuer != v.Issuer {
		return unsafe, ErrIssuer
	}
	keys, err := v.Keys(ctx)
	if err != nil {
		return unsafe, fmt.Errorf("fetch keys of %s: %w", v.Issuer, err)
	}
	var claims jwt.Claims
	if err := token.Claims(keys, &claims); err != nil {
		return unsafe, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return claims, Lifetime(claims)
}

// Lifetime checks that the claims are valid now. A token without an end is refused.
func Lifetime(claims jwt.Claims) error {
	if claims.Expiry == nil {
		return fmt.Errorf("%w: it has no exp", ErrLifetime)
	}
	// Clocks of the machines of a test are the same, so there is no leeway.
	if err := claims.ValidateWithLeeway(jwt.Expected{Time: time.Now()}, 0); err != nil {
		return fmt.Errorf("%w: %w", ErrLifetime, err)
	}
	return nil
}
