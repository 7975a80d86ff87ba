package google

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// oauthEndpoint is the audience of assertions.
const oauthEndpoint = "https://oauth2.googleapis.com/token"

// OAuth serves oauth2.googleapis.com: tokens for whoever has a service account's key.
func (t Tokens) OAuth() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		token, refused := t.assert(r)
		if refused != nil {
			slog.Info("OAuth refuses", "error", refused)
			refused.write(w)
			return
		}
		answer(w, http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": int(tokenLifetime.Seconds())})
	})
	return mux
}

func (t Tokens) assert(r *http.Request) (string, *oauthError) {
	r.Body = http.MaxBytesReader(nil, r.Body, 1<<20)
	if grant := r.PostFormValue("grant_type"); grant != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		return "", &oauthError{http.StatusBadRequest, "unsupported_grant_type", "Invalid grant_type: " + grant}
	}
	claims, err := t.signedByKey(r.PostFormValue("assertion"))
	if err != nil {
		return "", &oauthError{http.StatusBadRequest, "invalid_grant", "Invalid JWT: " + err.Error()}
	}
	if !claims.Audience.Contains(oauthEndpoint) {
		return "", &oauthError{http.StatusBadRequest, "invalid_grant", "Invalid JWT: aud must be " + oauthEndpoint}
	}
	if !grantsStorage(claims.Scope) {
		return "", &oauthError{http.StatusBadRequest, "invalid_scope", "No scope of Cloud Storage is asked for: " + claims.Scope}
	}
	token, err := t.Issue(claims.Issuer, tokenLifetime)
	if err != nil {
		return "", &oauthError{http.StatusInternalServerError, "internal_failure", err.Error()}
	}
	return token, nil
}

// Credentials serves iamcredentials.googleapis.com: tokens of a service account for those who may act as it.
func (t Tokens) Credentials() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/projects/{project}/serviceAccounts/{account}", func(w http.ResponseWriter, r *http.Request) {
		body, refused := t.impersonate(r)
		if refused != nil {
			slog.Info("IAM Credentials refuses", "account", r.PathValue("account"), "error", refused)
			refused.write(w)
			return
		}
		answer(w, http.StatusOK, body)
	})
	return mux
}

func (t Tokens) impersonate(r *http.Request) (map[string]string, *apiError) {
	email, ok := strings.CutSuffix(r.PathValue("account"), ":generateAccessToken")
	if !ok {
		return nil, &apiError{http.StatusNotFound, "NOT_FOUND", "Only generateAccessToken is served here."}
	}
	principal, refused := t.bearer(r)
	if refused != nil {
		return nil, refused
	}
	var request struct {
		Scope    []string `json:"scope"`
		Lifetime string   `json:"lifetime"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<20)).Decode(&request); err != nil {
		return nil, &apiError{http.StatusBadRequest, "INVALID_ARGUMENT", "Invalid JSON payload received: " + err.Error()}
	}
	valid := tokenLifetime
	if request.Lifetime != "" {
		var err error
		if valid, err = time.ParseDuration(request.Lifetime); err != nil || valid <= 0 || valid > tokenLifetime {
			return nil, &apiError{http.StatusBadRequest, "INVALID_ARGUMENT", "The lifetime must be more than zero and at most 3600s: " + request.Lifetime}
		}
	}
	if !grantsStorage(strings.Join(request.Scope, " ")) {
		return nil, &apiError{http.StatusBadRequest, "INVALID_ARGUMENT", "The request asks for no scope of Cloud Storage."}
	}
	if !t.Directory.MayActAs(principal, email) {
		return nil, &apiError{http.StatusForbidden, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."}
	}
	token, err := t.Issue(email, valid)
	if err != nil {
		return nil, &apiError{http.StatusInternalServerError, "INTERNAL", err.Error()}
	}
	return map[string]string{"accessToken": token, "expireTime": time.Now().Add(valid).UTC().Format(time.RFC3339)}, nil
}

// bearer returns the principal of a request.
func (t Tokens) bearer(r *http.Request) (string, *apiError) {
	raw, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return "", &apiError{http.StatusUnauthorized, "UNAUTHENTICATED", "Request is missing required authentication credential. Expected OAuth 2 access token."}
	}
	principal, err := t.Principal(raw)
	if err != nil {
		return "", &apiError{http.StatusUnauthorized, "UNAUTHENTICATED", "Request had invalid authentication credentials: " + err.Error()}
	}
	return principal, nil
}

// apiError is an error of Google's APIs.
type apiError struct {
	code         int
	status, text string
}

func (e *apiError) Error() string { return e.status + ": " + e.text }

func (e *apiError) write(w http.ResponseWriter) {
	if e.code == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="https://accounts.google.com/"`)
	}
	answer(w, e.code, map[string]any{"error": map[string]any{
		"code": e.code, "message": e.text, "status": e.status,
		"errors": []any{map[string]string{"message": e.text, "domain": "global", "reason": reasons[e.code]}},
	}})
}

var reasons = map[int]string{
	http.StatusBadRequest: "invalid", http.StatusUnauthorized: "authError", http.StatusForbidden: "forbidden",
	http.StatusNotFound: "notFound", http.StatusInternalServerError: "backendError",
}
