package webhook

import (
	cryptorand "crypto/rand"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/pki"
	"lighterman.dev/lighterman/webhook/caller"
)

// TestFilesAreDocumented: what operations.md shows is what the tests run kube-apiserver with.
func TestFilesAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"admission.yaml", "webhooks.yaml", "kubeadm.yaml"} {
		text, err := os.ReadFile(filepath.Join("..", "docs", "callers", name))
		if err != nil {
			t.Fatal(err)
		}
		var shown strings.Builder
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, "#") {
				shown.WriteString("   " + line)
			}
		}
		if !strings.Contains(string(page), shown.String()) {
			t.Errorf("docs/operations.md does not show docs/callers/%s:\n%s", name, shown.String())
		}
	}
}

// TestCallersOnAPIServer runs the webhook beside an API server that is configured as docs/callers says: it proves its
// reviews by a client certificate, by a token of KEP-6060, or by the path; what a pod could send is refused.
func TestCallersOnAPIServer(t *testing.T) {
	t.Parallel()
	ca := pki.NewAuthority(t, nil)
	dir := t.TempDir()
	certFile, keyFile := pki.WriteClient(t, dir, "front-proxy-client", ca.Issue(t, "front-proxy-client", nil))
	byCertificate, byToken, byPath := listen(t), listen(t), listen(t)
	tokenFile := filepath.Join(dir, "token")
	a := startAPIServerWith(t, map[string]string{
		"feature-gates": "APIServerWebhookAuthenticationToken=true",
		"admission-control-config-file": admissionConfiguration(t, map[string]string{
			"lighterman.lighterman-system.svc":           byCertificate.host(),
			"/etc/kubernetes/pki/front-proxy-client.crt": certFile,
			"/etc/kubernetes/pki/front-proxy-client.key": keyFile,
		}, fmt.Sprintf("  - name: %s\n    user:\n      tokenFile: %s\n", byToken.host(), tokenFile)),
	})
	for _, namespace := range []string{"certificate", "token", "path"} {
		a.namespace(t, namespace)
		a.gke(t, namespace, "pg", "x")
	}
	behind := func(name string, l *listening, o caller.Options) {
		callers, err := caller.New(o, logr.Discard())
		if err != nil {
			t.Fatal(err)
		}
		r := a.startBehind(t, Gate{Callers: callers}, "lighterman-"+name, injector.Settings{Version: "test"}, "get", "list", "watch", "patch")
		l.serve(t, callers, r.handler)
	}
	t.Run("a client certificate", func(t *testing.T) {
		behind("certificate", byCertificate, caller.Options{CertificateOptions: caller.CertificateOptions{
			CAFile: pki.File(t, ca), AllowedNames: []string{"front-proxy-client"},
		}})
		a.webhookFor(t, "certificate", byCertificate, Path)
		a.forged(t, byCertificate, "certificate", Path, "", nil)
		a.forged(t, byCertificate, "certificate", Path, "", ca.Issue(t, "system:node:worker", nil))
		a.forged(t, byCertificate, "certificate", Path, "", pki.NewAuthority(t, nil).Issue(t, "front-proxy-client", nil))
		a.admitsOwn(t, "certificate")
		a.forged(t, byCertificate, "certificate", Path, "", nil)
	})
	t.Run("a path", func(t *testing.T) {
		secret := cryptorand.Text()
		behind("path", byPath, caller.Options{Paths: caller.Secrets{secret}})
		a.webhookFor(t, "path", byPath, Path+"/"+secret)
		a.forged(t, byPath, "path", Path, "", nil)
		a.forged(t, byPath, "path", Path+"/"+strings.ToLower(secret), "", nil)
		a.admitsOwn(t, "path")
		// The limit of this method: whoever may create a pod reads the path while the webhook is out of reach.
		byPath.Close()
		pod := dump("path")
		pod.Annotations = map[string]string{injector.AnnotationProfile: "pg"}
		if err := a.admin.Create(t.Context(), pod); err == nil || !strings.Contains(err.Error(), secret) {
			t.Errorf("docs/security.md says that the API server prints the path: %v", err)
		}
	})
	t.Run("a token", func(t *testing.T) { a.testTokens(t, byToken, tokenFile, behind) })
	t.Run("the user who creates the pod reads a refusal", func(t *testing.T) {
		untold := listen(t)
		callers, err := caller.New(caller.Options{Paths: caller.Secrets{"x"}}, logr.Discard())
		if err != nil {
			t.Fatal(err)
		}
		untold.serve(t, callers, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { caller.Refuse(w) }))
		a.namespace(t, "untold")
		a.webhookFor(t, "untold", untold, Path)
		eventually(t, func() error {
			err := a.admin.Create(t.Context(), dump("untold"))
			if err == nil || !strings.Contains(err.Error(), caller.Message) {
				return fmt.Errorf("got %w", err)
			}
			return nil
		})
	})
}

// testTokens asks the API server itself for tokens: the one that it would send, and those that any pod can have.
func (a *apiServer) testTokens(t *testing.T, l *listening, tokenFile string, behind func(string, *listening, caller.Options)) {
	t.Helper()
	// The permissions of the chart's service account: every service account may read the keys.
	own := rest.CopyConfig(a.cfg)
	own.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:lighterman-system:lighterman", Groups: []string{"system:serviceaccounts", "system:authenticated"}}
	httpClient, err := rest.HTTPClientFor(own)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := caller.APIServerKeys(own, httpClient)
	if err != nil {
		t.Fatal(err)
	}
	behind("token", l, caller.Options{TokenOptions: caller.TokenOptions{
		Keys: keys, WebhookConfiguration: "token", Audience: "https://" + l.host(),
	}})
	a.webhookFor(t, "token", l, Path)
	a.webhookFor(t, "other", l, Path)
	a.mayAttest(t, tokenAccount, "*")
	a.mayAttest(t, "aggregated", "apps")
	audience := "https://" + l.host() + Path
	a.forged(t, l, "token", Path, "", nil)
	a.forged(t, l, "token", Path, a.token(t, audience, "", ""), nil)       // as any pod can have projected
	a.forged(t, l, "token", Path, a.token(t, audience, "other", "*"), nil) // of another webhook
	a.forged(t, l, "token", Path, a.token(t, audience+"x", "token", "*"), nil)
	a.forged(t, l, "token", Path, withOtherSignature(a.token(t, audience, "token", "*")), nil)
	if _, err := a.requestToken(t, "aggregated", audience, "token", "*"); !apierrors.IsForbidden(err) {
		t.Errorf("an account that may not attest all groups: %v", err)
	}
	if err := os.WriteFile(tokenFile, []byte(a.token(t, audience, "token", "*")), 0o600); err != nil {
		t.Fatal(err)
	}
	a.admitsOwn(t, "token")
}
