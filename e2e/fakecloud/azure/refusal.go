package azure

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"lighterman.dev/lighterman/e2e/fakecloud/identity"
)

// refusal is an error of the token endpoint. The codes are documented, with their texts, at
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes.
type refusal struct {
	status int
	kind   string
	code   int
	text   string
}

var (
	malformed     = &refusal{http.StatusBadRequest, "invalid_request", 90014, "The request is not well formed: %s"}
	missing       = &refusal{http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: '%s'."}
	badGrant      = &refusal{http.StatusBadRequest, "unsupported_grant_type", 70003, "The app requested an unsupported grant type '%s'."}
	badScope      = &refusal{http.StatusBadRequest, "invalid_scope", 1002012, "The provided value for scope %s is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."}
	noTenant      = &refusal{http.StatusBadRequest, "invalid_request", 90002, "Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."}
	noApplication = &refusal{http.StatusBadRequest, "unauthorized_client", 700016, "Application with identifier '%s' was not found in the directory '%s'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant."}
	noProof       = &refusal{http.StatusUnauthorized, "invalid_client", 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."}
	wrongSecret   = &refusal{http.StatusUnauthorized, "invalid_client", 7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'."}

	wrongIssuer    = &refusal{http.StatusUnauthorized, "invalid_client", 700211, "No matching federated identity record found for presented assertion issuer '%s'. Please check your federated identity credential Subject, Audience and Issuer against the presented assertion."}
	wrongAudience  = &refusal{http.StatusUnauthorized, "invalid_client", 700212, "No matching federated identity record found for presented assertion audience '%s'. Please check your federated identity credential Subject, Audience and Issuer against the presented assertion."}
	wrongSubject   = &refusal{http.StatusUnauthorized, "invalid_client", 700213, "No matching federated identity record found for presented assertion subject '%s'. Please check your federated identity credential Subject, Audience and Issuer against the presented assertion."}
	wrongLifetime  = &refusal{http.StatusUnauthorized, "invalid_client", 700024, "Client assertion is not within its valid time range. %s"}
	wrongSignature = &refusal{http.StatusUnauthorized, "invalid_client", 50013, "Assertion failed signature validation. %s"}
	wrongAssertion = &refusal{http.StatusUnauthorized, "invalid_client", 50027, "JWT token is invalid or malformed. %s"}

	noCertificate       = &refusal{http.StatusUnauthorized, "invalid_client", 700027, "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found., Thumbprint of key used by client: '%s']"}
	wrongCertificateSig = &refusal{http.StatusUnauthorized, "invalid_client", 700027, "Client assertion failed signature validation. %s"}
	wrongClient         = &refusal{http.StatusUnauthorized, "invalid_client", 700021, "Client assertion application identifier doesn't match 'client_id' parameter. %s"}
	wrongEndpoint       = &refusal{http.StatusUnauthorized, "invalid_client", 700023, "Client assertion audience claim does not match Realm issuer. %s"}
)

// with fills in the text.
func (r *refusal) with(values ...any) *refusal {
	filled := *r
	filled.text = fmt.Sprintf(r.text, values...)
	return &filled
}

// refusalOf returns what is wrong with a service account token.
func refusalOf(err error, claims jwt.Claims) *refusal {
	switch {
	case errors.Is(err, identity.ErrIssuer):
		return wrongIssuer.with(claims.Issuer)
	case errors.Is(err, identity.ErrSignature):
		return wrongSignature.with(err)
	case errors.Is(err, identity.ErrLifetime):
		return wrongLifetime.with(err)
	default:
		return wrongAssertion.with(err)
	}
}

func (r *refusal) Error() string { return fmt.Sprintf("AADSTS%d: %s", r.code, r.text) }

// write answers as the real endpoint does. Its description carries the trace in its text, too.
func (r *refusal) write(w http.ResponseWriter) {
	trace, correlation := uuid.NewString(), uuid.NewString()
	now := time.Now().UTC().Format("2006-01-02 15:04:05Z")
	answer(w, r.status, map[string]any{
		"error": r.kind,
		"error_description": fmt.Sprintf("%s Trace ID: %s Correlation ID: %s Timestamp: %s",
			r.Error(), trace, correlation, now),
		"error_codes": []int{r.code}, "timestamp": now, "trace_id": trace, "correlation_id": correlation,
		"error_uri": fmt.Sprintf("https://login.microsoftonline.com/error?code=%d", r.code),
	})
}
