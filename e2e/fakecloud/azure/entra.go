package azure

import (
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"lighterman.dev/lighterman/e2e/fakecloud/directory"
	"lighterman.dev/lighterman/e2e/fakecloud/identity"
)

// tokenLifetime is that of the real service, more or less.
const tokenLifetime = time.Hour

// Entra is the token service.
type Entra struct {
	Directory *directory.Directory
	// Cluster verifies service account tokens.
	Cluster identity.Verifier
	Signer  *identity.Signer
	// Lifetime is that of the tokens; zero: an hour.
	Lifetime time.Duration
}

func (e *Entra) lifetime() time.Duration { return cmp.Or(e.Lifetime, tokenLifetime) }

// Handler serves the login hosts of all clouds alike.
func (e *Entra) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", openIDConfiguration)
	mux.HandleFunc("GET /{tenant}/.well-known/openid-configuration", openIDConfiguration)
	mux.HandleFunc("GET /{tenant}/discovery/instance", instance)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", e.token)
	mux.HandleFunc("POST /{tenant}/oauth2/token", e.token)
	return mux
}

func openIDConfiguration(w http.ResponseWriter, r *http.Request) {
	base := "https://" + r.Host + "/" + r.PathValue("tenant")
	answer(w, http.StatusOK, map[string]any{
		"issuer":                 base + "/v2.0",
		"authorization_endpoint": base + "/oauth2/v2.0/authorize",
		"token_endpoint":         base + "/oauth2/v2.0/token",
		"token_endpoint_auth_methods_supported": []string{
			"client_secret_post", "private_key_jwt",
		},
	})
}

// instance confirms to a client library that the host it was configured with is one of ours.
func instance(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"api-version":               "1.1",
		"tenant_discovery_endpoint": "https://" + r.Host + "/" + r.PathValue("tenant") + "/v2.0/.well-known/openid-configuration",
		"metadata":                  []any{map[string]any{"preferred_network": r.Host, "preferred_cache": r.Host, "aliases": []string{r.Host}}},
	})
}

func (e *Entra) token(w http.ResponseWriter, r *http.Request) {
	e.answerToken(w, r, "Entra ID", e.issue)
}

// answerToken answers a request for a token with the one that issue returns, or with its refusal.
func (e *Entra) answerToken(
	w http.ResponseWriter, r *http.Request, service string, issue func(*http.Request) (string, *refusal),
) {
	token, refused := issue(r)
	if refused != nil {
		slog.Info("refuse token", "service", service, "client", r.PostFormValue("client_id"), "error", refused)
		refused.write(w)
		return
	}
	seconds := int(e.lifetime().Seconds())
	answer(w, http.StatusOK, map[string]any{
		"token_type": "Bearer", "access_token": token, "expires_in": seconds, "ext_expires_in": seconds,
	})
}

// readGrant returns the form of a request for a token, and the resource that the token is for.
func readGrant(r *http.Request) (form url.Values, resource string, refused *refusal) {
	r.Body = http.MaxBytesReader(nil, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil {
		return nil, "", malformed.with(err.Error())
	}
	form = r.PostForm
	if grant := form.Get("grant_type"); grant != "client_credentials" {
		return nil, "", badGrant.with(grant)
	}
	if form.Get("client_id") == "" {
		return nil, "", missing.with("client_id")
	}
	resource, refused = resourceOf(form.Get("scope"), form.Get("resource"))
	return form, resource, refused
}

func (e *Entra) issue(r *http.Request) (string, *refusal) {
	form, resource, refused := readGrant(r)
	if refused != nil {
		return "", refused
	}
	client, tenant := form.Get("client_id"), r.PathValue("tenant")
	if !e.Directory.Tenant(tenant) {
		return "", noTenant.with(tenant)
	}
	app, ok := e.Directory.Application(tenant, client)
	if !ok {
		return "", noApplication.with(client, tenant)
	}
	if refused := e.authenticate(r, app); refused != nil {
		return "", refused
	}
	return e.access(app, resource)
}

// authenticate checks the one proof that the client brings.
func (e *Entra) authenticate(r *http.Request, app directory.Application) *refusal {
	secret, assertion := r.PostFormValue("client_secret"), r.PostFormValue("client_assertion")
	switch {
	case assertion != "":
		const kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
		if got := r.PostFormValue("client_assertion_type"); got != kind {
			return missing.with("client_assertion_type")
		}
		if signedByCertificate(assertion) {
			return checkCertificate(assertion, app, "https://"+r.Host+r.URL.Path)
		}
		return e.checkFederated(r, assertion, app)
	case secret != "":
		if !slices.ContainsFunc(app.Secrets, func(s string) bool { return subtle.ConstantTimeCompare([]byte(s), []byte(secret)) == 1 }) {
			return wrongSecret.with(app.ClientID)
		}
		return nil
	default:
		return noProof.with()
	}
}

// checkFederated takes a service account token of the cluster.
func (e *Entra) checkFederated(r *http.Request, assertion string, app directory.Application) *refusal {
	claims, err := e.Cluster.Verify(r.Context(), assertion)
	if err != nil {
		return refusalOf(err, claims)
	}
	fits := func(checks ...func(directory.FederatedCredential) bool) bool {
		return slices.ContainsFunc(app.Federated, func(c directory.FederatedCredential) bool {
			return !slices.ContainsFunc(checks, func(check func(directory.FederatedCredential) bool) bool { return !check(c) })
		})
	}
	issuer := func(c directory.FederatedCredential) bool { return c.Issuer == claims.Issuer }
	subject := func(c directory.FederatedCredential) bool { return c.Subject == claims.Subject }
	audience := func(c directory.FederatedCredential) bool { return claims.Audience.Contains(c.Audience) }
	switch {
	case !fits(issuer):
		return wrongIssuer.with(claims.Issuer)
	case !fits(issuer, subject):
		return wrongSubject.with(claims.Subject)
	case !fits(issuer, subject, audience):
		return wrongAudience.with(strings.Join(claims.Audience, ", "))
	}
	return nil
}

func (e *Entra) access(app directory.Application, resource string) (string, *refusal) {
	token, err := e.Signer.Sign(identity.Access{
		Claims: jwt.Claims{
			Issuer:   "https://sts.windows.net/" + app.TenantID + "/",
			Subject:  app.ClientID,
			Audience: jwt.Audience{resource},
		},
		AppID: app.ClientID, TenantID: app.TenantID, Version: "1.0",
	}, e.lifetime())
	if err != nil {
		return "", malformed.with(err.Error())
	}
	return token, nil
}

// resourceOf is what the token is for. Version 1 of the endpoint has a parameter of its own for it.
func resourceOf(scope, resource string) (string, *refusal) {
	if resource != "" {
		return strings.TrimSuffix(resource, "/"), nil
	}
	for s := range strings.FieldsSeq(scope) {
		if r, ok := strings.CutSuffix(s, "/.default"); ok {
			return strings.TrimSuffix(r, "/"), nil
		}
	}
	return "", badScope.with(scope)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store, no-cache")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		slog.Warn("Answer", "error", fmt.Errorf("write body: %w", err))
	}
}
