package caller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// TokenOptions configure tokens that are bound to the webhook configuration: KEP-6060, Kubernetes 1.37, feature gate
// APIServerWebhookAuthenticationToken.
//
// An audience alone proves nothing: every pod can have a token of its own service account with any audience projected.
// What proves it is the binding, which the API server grants only to who may "attest" the API groups of reviews, and for
// pods, whose group has no name to attest, only to who may attest all of them
// (k8s.io/kubernetes v1.37.1 pkg/registry/core/serviceaccount/storage/token.go and pkg/serviceaccount/claims.go,
// pkg/apis/authentication/validation/validation.go).
//
// The token is verified here with the API server's public keys, and not by a TokenReview: that would be a permission
// more, and one request to the API server for each of a stranger's. What a TokenReview would add, that the binding's
// object still exists, the lifetime of at most ten minutes bounds.
type TokenOptions struct {
	// Keys returns the issuer's name and its keys. Nil: no token proves anything.
	Keys KeySource
	// WebhookConfiguration is the name of the MutatingWebhookConfiguration that the token must be bound to.
	WebhookConfiguration string
	// Audience is the URL of the webhook's Service without the path: https://<service>.<namespace>.svc:443. The path of
	// the request is added to it.
	Audience string
	// Subjects are the user names of the API servers' service accounts. Empty: all that the cluster lets attest.
	Subjects []string
}

// ServiceAudience returns the audience of a webhook's Service: validateWebhookAudience in k8s.io/kubernetes v1.37.1
// pkg/registry/core/serviceaccount/storage/token.go.
func ServiceAudience(service, namespace string) string {
	return "https://" + service + "." + namespace + ".svc:443"
}

// algorithms are those with which an API server signs: signerFromPrivateKey in k8s.io/kubernetes v1.37.1
// pkg/serviceaccount/jwt.go, and the same for external signers.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.ES384, jose.ES512}

const (
	// attestation is the claim that names the API groups whose reviews the bearer may send; anyGroup is all of them.
	attestation, anyGroup = "admissionReviewAPIGroups", "*"
	// maxToken is more than any token of an API server has.
	maxToken = 16 << 10
	// maxLifetime is the longest life of a bound token: maxAdmissionReviewWebhookTokenExpirationSeconds in token.go.
	maxLifetime = 10 * time.Minute
)

// claims are what is read of a token besides the registered claims.
type claims struct {
	Kubernetes struct {
		Configuration struct {
			Name string `json:"name"`
		} `json:"mutatingwebhookconfiguration"`
		Attestations map[string][]string `json:"attestations"`
	} `json:"kubernetes.io"`
}

// tokens verifies tokens.
type tokens struct {
	TokenOptions
	keys *keyCache
}

// newTokens returns nil where there is no source of keys.
func newTokens(o TokenOptions) (*tokens, error) {
	switch {
	case o.Keys == nil && len(o.Subjects) > 0:
		return nil, errors.New("--caller-token-subject: tokens are not looked at: set --caller-tokens too")
	case o.Keys == nil:
		return nil, nil
	case o.WebhookConfiguration == "":
		return nil, errors.New("--caller-tokens: what are tokens bound to? Set --webhook-configuration to the name of the MutatingWebhookConfiguration")
	case o.Audience == "":
		return nil, errors.New("--caller-tokens: the audience is not known")
	}
	return &tokens{TokenOptions: o, keys: newKeyCache(o.Keys)}, nil
}

// verify reports why a token does not prove that it is an API server's.
func (t *tokens) verify(ctx context.Context, text, path string, now time.Time) error {
	if len(text) > maxToken {
		return fmt.Errorf("the token is longer than %d bytes", maxToken)
	}
	token, err := jwt.ParseSigned(text, algorithms)
	if err != nil || len(token.Headers) != 1 {
		return errors.New("the token is no signed JWT of an algorithm that API servers use")
	}
	issuer, key, err := t.keys.findKey(ctx, token.Headers[0].KeyID)
	if err != nil {
		return err
	}
	var registered jwt.Claims
	var private claims
	if err := token.Claims(key, &registered, &private); err != nil {
		return errors.New("the token's signature is not the API server's")
	}
	expected := jwt.Expected{Issuer: issuer, AnyAudience: jwt.Audience{t.Audience + path}, Time: now}
	if err := registered.Validate(expected); err != nil {
		return fmt.Errorf("the token of %s: %w", quoteShort(registered.Subject), err)
	}
	return t.checkBinding(&registered, &private)
}

// checkBinding refuses tokens that any pod can have, and not only an API server.
func (t *tokens) checkBinding(registered *jwt.Claims, private *claims) error {
	subject := quoteShort(registered.Subject)
	switch {
	case registered.Expiry == nil || registered.IssuedAt == nil ||
		registered.Expiry.Time().Sub(registered.IssuedAt.Time()) > maxLifetime:
		return fmt.Errorf("the token of %s is valid for longer than %s", subject, maxLifetime)
	case private.Kubernetes.Configuration.Name != t.WebhookConfiguration:
		return fmt.Errorf("the token of %s is not bound to the webhook configuration", subject)
	case !slices.Contains(private.Kubernetes.Attestations[attestation], anyGroup):
		return fmt.Errorf("the token of %s does not attest reviews of all API groups", subject)
	case len(t.Subjects) > 0 && !slices.Contains(t.Subjects, registered.Subject):
		return fmt.Errorf("the token's subject %s is not in --caller-token-subject", subject)
	}
	return nil
}
