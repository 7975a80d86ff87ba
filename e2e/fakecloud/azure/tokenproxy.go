package azure

import (
	"fmt"
	"net/http"
	"strings"
)

// BindingAudience is what the token proxy wants in a service account token.
const BindingAudience = "api://AKSIdentityBinding"

// TokenProxy is the token proxy of AKS identity bindings, which the API server of a cluster has under a name of its own.
type TokenProxy struct {
	*Entra

	// Name is the one by which it is asked for in TLS. Under any other there is the API server, which knows nobody here.
	Name string
}

// Handler serves what clients send to the proxy in place of Entra ID.
func (p *TokenProxy) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", openIDConfiguration)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", p.token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || r.TLS.ServerName != p.Name {
			answer(w, http.StatusUnauthorized, map[string]any{"kind": "Status", "reason": "Unauthorized", "code": http.StatusUnauthorized})
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (p *TokenProxy) token(w http.ResponseWriter, r *http.Request) {
	p.answerToken(w, r, "token proxy", p.issue)
}

// notBound is what a subject gets that may not use the identity.
var notBound = &refusal{http.StatusForbidden, "access_denied", 0, "%s has no identity binding for %s"}

func (p *TokenProxy) issue(r *http.Request) (string, *refusal) {
	form, resource, refused := readGrant(r)
	if refused != nil {
		return "", refused
	}
	assertion, client, tenant := form.Get("client_assertion"), form.Get("client_id"), r.PathValue("tenant")
	if assertion == "" || form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		return "", missing.with("client_assertion")
	}
	claims, err := p.Cluster.Verify(r.Context(), assertion)
	switch {
	case err != nil:
		return "", refusalOf(err, claims)
	case !claims.Audience.Contains(BindingAudience):
		return "", wrongAudience.with(strings.Join(claims.Audience, ", "))
	case !p.Directory.MayUseBinding(tenant, client, claims.Subject):
		return "", notBound.with(claims.Subject, fmt.Sprintf("%s of %s", client, tenant))
	}
	app, ok := p.Directory.Application(tenant, client)
	if !ok {
		return "", noApplication.with(client, tenant)
	}
	return p.access(app, resource)
}
