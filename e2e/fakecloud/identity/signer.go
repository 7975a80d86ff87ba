package identity

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Access are the claims of an access token, in the words of both clouds.
type Access struct {
	jwt.Claims
	// AppID and TenantID are Entra's.
	AppID    string `json:"appid,omitempty"`
	TenantID string `json:"tid,omitempty"`
	Version  string `json:"ver,omitempty"`
}

// Signer signs access tokens and knows them again.
type Signer struct{ key *rsa.PrivateKey }

// NewSigner makes a signer with a new key.
func NewSigner() (*Signer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("create signing key: %w", err)
	}
	return &Signer{key: key}, nil
}

// Sign issues a token that is valid from now on for so long.
func (s *Signer) Sign(access Access, valid time.Duration) (string, error) {
	now := time.Now()
	access.IssuedAt, access.NotBefore = jwt.NewNumericDate(now), jwt.NewNumericDate(now)
	access.Expiry = jwt.NewNumericDate(now.Add(valid))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: s.key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	raw, err := jwt.Signed(signer).Claims(access).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return raw, nil
}

// ErrAudience reports that a token is meant for another service.
var ErrAudience = errors.New("the token is for another service")

// Verify checks that this signer signed the token, that it is valid now, and that it is for one of the audiences.
func (s *Signer) Verify(raw string, audiences ...string) (Access, error) {
	var access Access
	token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return access, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := token.Claims(s.key.Public(), &access); err != nil {
		return access, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if err := Lifetime(access.Claims); err != nil {
		return access, err
	}
	if !slices.ContainsFunc(audiences, access.Audience.Contains) {
		return access, ErrAudience
	}
	return access, nil
}
