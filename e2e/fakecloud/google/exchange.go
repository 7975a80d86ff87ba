package google

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"lighterman.dev/lighterman/e2e/fakecloud/api"
	"lighterman.dev/lighterman/e2e/fakecloud/directory"
	"lighterman.dev/lighterman/e2e/fakecloud/identity"
)

// Exchange is the Security Token Service: it gives tokens to pods for their service account tokens.
type Exchange struct {
	Tokens
	// Cluster verifies service account tokens.
	Cluster identity.Verifier
	// Lifetime is that of the tokens; zero: an hour.
	Lifetime time.Duration
}

func (e *Exchange) lifetime() time.Duration { return cmp.Or(e.Lifetime, tokenLifetime) }

// Handler serves sts.googleapis.com.
func (e *Exchange) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/token", e.token)
	return mux
}

func (e *Exchange) token(w http.ResponseWriter, r *http.Request) {
	token, refused := e.exchange(r)
	if refused != nil {
		slog.Info("Security Token Service refuses", "audience", r.PostFormValue("audience"), "error", refused)
		refused.write(w)
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"access_token": token, "token_type": "Bearer", "expires_in": int(e.lifetime().Seconds()),
		"issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
	})
}

func (e *Exchange) exchange(r *http.Request) (string, *oauthError) {
	r.Body = http.MaxBytesReader(nil, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil {
		return "", &oauthError{http.StatusBadRequest, "invalid_request", err.Error()}
	}
	form := r.PostForm
	if grant := form.Get("grant_type"); grant != "urn:ietf:params:oauth:grant-type:token-exchange" {
		return "", &oauthError{http.StatusBadRequest, "unsupported_grant_type", "Invalid grant type: " + grant}
	}
	kind := form.Get("subject_token_type")
	if kind != "urn:ietf:params:oauth:token-type:jwt" && kind != "urn:ietf:params:oauth:token-type:id_token" {
		return "", &oauthError{http.StatusBadRequest, "invalid_request", "Invalid subject token type: " + kind}
	}
	if form.Get("scope") == "" {
		return "", &oauthError{http.StatusBadRequest, "invalid_request", "Missing required parameter: scope"}
	}
	audience := form.Get("audience")
	principalOf, ok := principalsOf(audience)
	if !ok {
		return "", &oauthError{http.StatusBadRequest, "invalid_request", `Invalid value for "audience". This value should be the full resource name of the Identity Provider.`}
	}
	provider, ok := e.Directory.Provider(audience)
	if !ok {
		return "", &oauthError{http.StatusBadRequest, "invalid_target", `The target service indicated by the "audience" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn't exist.`}
	}
	claims, err := e.Cluster.Verify(r.Context(), form.Get("subject_token"))
	if err == nil && claims.Issuer != provider.Issuer {
		err = identity.ErrIssuer
	}
	if err != nil {
		return "", &oauthError{http.StatusBadRequest, "invalid_grant", describe(err, claims.Issuer, provider.Issuer)}
	}
	if !slices.ContainsFunc(provider.Audiences, claims.Audience.Contains) {
		return "", &oauthError{http.StatusBadRequest, "invalid_grant", fmt.Sprintf("The audience in ID Token %q does not match the expected audience %s.", claims.Audience, provider.Audiences[0])}
	}
	token, err := e.Issue(principalOf(claims.Subject), e.lifetime())
	if err != nil {
		return "", &oauthError{http.StatusInternalServerError, "internal_failure", err.Error()}
	}
	return token, nil
}

// principalsOf returns who a token's subject is to the pool of a provider; ok is false for what is no provider's name. A fleet's pool
// has "system:serviceaccount:NAMESPACE:NAME" as "ns/NAMESPACE/sa/NAME".
func principalsOf(provider string) (principal func(subject string) string, ok bool) {
	if fleet, _, isMember := directory.FleetPool(provider); isMember {
		return func(subject string) string {
			namespace, name, _ := strings.Cut(strings.TrimPrefix(subject, "system:serviceaccount:"), ":")
			return Subject(api.GooglePools+fleet, "ns/"+namespace+"/sa/"+name)
		}, true
	}
	pool, _, ok := strings.Cut(provider, "/providers/")
	return func(subject string) string { return Subject(pool, subject) }, ok && strings.HasPrefix(provider, iam)
}

// Subject is the principal of a token's subject in a workload identity pool, "//iam.googleapis.com/…/workloadIdentityPools/POOL".
func Subject(pool, subject string) string { return "principal:" + pool + "/subject/" + subject }

func describe(err error, issuer, expected string) string {
	switch {
	case errors.Is(err, identity.ErrIssuer):
		return fmt.Sprintf("The issuer in ID Token %s does not match the expected one: %s.", issuer, expected)
	case errors.Is(err, identity.ErrLifetime):
		return "ID Token issued at or expiring at a time that is not valid now: " + err.Error()
	case errors.Is(err, identity.ErrSignature):
		return "Invalid JWT Signature: " + err.Error()
	default:
		return "Unable to parse the ID Token: " + err.Error()
	}
}

// oauthError is an error of the token services, as RFC 6749 has it.
type oauthError struct {
	status     int
	kind, text string
}

func (e *oauthError) Error() string { return e.kind + ": " + e.text }

func (e *oauthError) write(w http.ResponseWriter) {
	answer(w, e.status, map[string]string{"error": e.kind, "error_description": e.text})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		slog.Warn("Answer", "error", err)
	}
}
