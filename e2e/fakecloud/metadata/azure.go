package metadata

import (
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"lighterman.dev/lighterman/e2e/fakecloud/directory"
	"lighterman.dev/lighterman/e2e/fakecloud/identity"
)

// bindingLabel is aad-pod-identity's.
const bindingLabel = "aadpodidbinding"

// Azure is the instance metadata service, as far as it gives tokens:
// https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token.
type Azure struct {
	Pods
	Directory *directory.Directory
	Signer    *identity.Signer
}

// Handler serves /metadata/.
func (a *Azure) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metadata/identity/oauth2/token", a.token)
	return mux
}

func (a *Azure) token(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if !strings.EqualFold(r.Header.Get("Metadata"), "true") {
		refuse(w, "Required metadata header not specified")
		return
	}
	if query.Get("resource") == "" || query.Get("api-version") == "" {
		refuse(w, "Required query variables 'resource' and 'api-version' are missing")
		return
	}
	pod, err := a.pod(r)
	if err != nil {
		refuse(w, err.Error())
		return
	}
	found := a.Directory.ManagedIdentities(pod.Namespace, pod.Labels[bindingLabel])
	if client := query.Get("client_id"); client != "" {
		var named []directory.ManagedIdentity
		for _, m := range found {
			if m.ClientID == client {
				named = append(named, m)
			}
		}
		found = named
	}
	if len(found) == 0 {
		slog.Info("Azure's metadata service refuses", "pod", pod.Namespace+"/"+pod.Name, "client", query.Get("client_id"))
		refuse(w, "Identity not found")
		return
	}
	if len(found) > 1 {
		refuse(w, "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request")
		return
	}
	a.give(w, found[0], strings.TrimSuffix(query.Get("resource"), "/"))
}

// give answers in strings, numbers too, as the service does.
func (a *Azure) give(w http.ResponseWriter, m directory.ManagedIdentity, resource string) {
	const valid = time.Hour
	token, err := a.Signer.Sign(identity.Access{
		Claims: jwt.Claims{Issuer: "https://sts.windows.net/" + m.TenantID + "/", Subject: m.ClientID, Audience: jwt.Audience{resource}},
		AppID:  m.ClientID, TenantID: m.TenantID, Version: "1.0",
	}, valid)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	now := time.Now()
	seconds := strconv.Itoa(int(valid.Seconds()))
	answer(w, http.StatusOK, map[string]string{
		"access_token": token, "client_id": m.ClientID, "resource": resource, "token_type": "Bearer",
		"expires_in": seconds, "ext_expires_in": seconds,
		"expires_on": strconv.FormatInt(now.Add(valid).Unix(), 10), "not_before": strconv.FormatInt(now.Unix(), 10),
	})
}

func refuse(w http.ResponseWriter, text string) {
	answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_request", "error_description": text})
}
