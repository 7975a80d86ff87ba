package metadata

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"lighterman.dev/lighterman/e2e/fakecloud/google"
)

const (
	gkeAnnotation = "iam.gke.io/gcp-service-account"
	flavor        = "Metadata-Flavor"
	cloudScope    = "https://www.googleapis.com/auth/cloud-platform"
)

// GKE is the metadata server of a cluster with workload identity.
type GKE struct {
	Pods
	Tokens google.Tokens
	// ProjectID is the cluster's, and Pool the full name of its workload identity pool.
	ProjectID, Pool string
}

// Handler serves what clients look for, see https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys.
func (g *GKE) Handler() http.Handler {
	const account = "/computeMetadata/v1/instance/service-accounts/{account}/"
	mux := http.NewServeMux()
	text := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
	}
	mux.HandleFunc("GET /{$}", text("computeMetadata/\n"))
	mux.HandleFunc("GET /computeMetadata/v1/project/project-id", text(g.ProjectID))
	mux.HandleFunc("GET /computeMetadata/v1/universe/universe-domain", text("googleapis.com"))
	mux.HandleFunc("GET /computeMetadata/v1/universe/universe_domain", text("googleapis.com"))
	mux.HandleFunc("GET "+account+"scopes", text(cloudScope+"\n"))
	mux.HandleFunc("GET "+account+"email", g.email)
	mux.HandleFunc("GET "+account+"token", g.token)
	mux.HandleFunc("GET "+account+"{$}", g.account)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(flavor, "Google")
		w.Header().Set("Server", "GKE Metadata Server")
		// The root alone is for anybody, so that a client can tell where it runs.
		if r.URL.Path != "/" && r.Header.Get(flavor) != "Google" {
			http.Error(w, "Missing required header \"Metadata-Flavor\": \"Google\"", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// who tells who the pod is to Google, and whether it may be: the account that its service account names, else itself.
func (g *GKE) who(r *http.Request) (email, principal string, allowed bool, err error) {
	pod, err := g.pod(r)
	if err != nil {
		return "", "", false, err
	}
	email, err = g.annotation(r.Context(), pod, gkeAnnotation)
	if err != nil {
		return "", "", false, err
	}
	namespace, name := pod.Namespace, pod.Spec.ServiceAccountName
	if email == "" {
		return g.ProjectID + ".svc.id.goog", google.Subject(g.Pool, "ns/"+namespace+"/sa/"+name), true, nil
	}
	member := fmt.Sprintf("serviceAccount:%s.svc.id.goog[%s/%s]", g.ProjectID, namespace, name)
	return email, email, g.Tokens.Directory.MayActAs(member, email), nil
}

func (g *GKE) email(w http.ResponseWriter, r *http.Request) {
	email, _, _, err := g.who(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	fmt.Fprint(w, email)
}

func (g *GKE) account(w http.ResponseWriter, r *http.Request) {
	email, _, _, err := g.who(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	answer(w, http.StatusOK, map[string]any{"aliases": []string{"default"}, "email": email, "scopes": []string{cloudScope}})
}

func (g *GKE) token(w http.ResponseWriter, r *http.Request) {
	email, principal, allowed, err := g.who(r)
	name := r.PathValue("account")
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	case name != "default" && name != email:
		http.Error(w, "this pod has no account "+name, http.StatusNotFound)
		return
	case !allowed:
		slog.Info("GKE's metadata server refuses", "account", email)
		http.Error(w, "Unable to generate access token; IAM returned 403 Forbidden: Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).", http.StatusForbidden)
		return
	}
	token, err := g.Tokens.Issue(principal, time.Hour)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, http.StatusOK, map[string]any{"access_token": token, "expires_in": 3600, "token_type": "Bearer"})
}
