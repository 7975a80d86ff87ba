package webhook

import (
	"context"
	cryptorand "crypto/rand"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/testpki"
	"lighterman.dev/lighterman/webhook/caller"
)

// listening is a webhook's listener, whose address the API server's configuration names before it starts.
type listening struct {
	*httptest.Server
	socket net.Listener
}

func listen(t *testing.T) *listening {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return &listening{socket: l}
}

func (l *listening) host() string { return l.socket.Addr().String() }

// serve answers with the replica's handler, as the program's own listener does.
func (l *listening) serve(t *testing.T, callers *caller.Authenticator, handler http.Handler) {
	t.Helper()
	l.Server = &httptest.Server{Listener: l.socket, EnableHTTP2: true, Config: &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}, TLS: &tls.Config{MinVersion: tls.VersionTLS13}}
	callers.ConfigureTLS(l.TLS)
	l.StartTLS()
	t.Cleanup(l.Close)
}

// webhookFor has the API server send the pods of a namespace to a path of the listener.
func (a *apiServer) webhookFor(t *testing.T, namespace string, l *listening, path string) {
	t.Helper()
	url, none, fail := "https://"+l.host()+path, admissionregistrationv1.SideEffectClassNoneOnDryRun, admissionregistrationv1.Fail
	a.create(t, &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: namespace},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: namespace + ".example.com", SideEffects: &none, FailurePolicy: &fail, AdmissionReviewVersions: []string{"v1"},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
			ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: pem.EncodeToMemory(&pem.Block{
				Type: "CERTIFICATE", Bytes: l.Certificate().Raw,
			})},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
		}},
	})
}

// forged posts a review to the webhook as any pod could, with what it has; nothing must come of it.
func (a *apiServer) forged(t *testing.T, l *listening, namespace, path, token string, certificate *tls.Certificate) {
	t.Helper()
	before := a.account(t, namespace).ResourceVersion
	target := &target{Server: l.Server}
	body := reviewOf(account("backup"), func(r map[string]any) { r["namespace"] = namespace })
	for _, version := range []int{1, 2} {
		status, answer := target.send(t, target.client(version, certificate), path, token, body)
		if status != caller.StatusCode || answer != caller.Message {
			t.Errorf("a forged review at %s: %d %s", path, status, answer)
		}
	}
	if after := a.account(t, namespace).ResourceVersion; after != before {
		t.Errorf("a forged review wrote the service account of %s", namespace)
	}
}

// admitsOwn has a pod created through the webhook, and its service account annotated for it.
func (a *apiServer) admitsOwn(t *testing.T, namespace string) {
	t.Helper()
	eventually(t, func() error {
		pod := dump(namespace)
		pod.Annotations = map[string]string{injector.AnnotationProfile: "pg"}
		if err := a.admin.Create(t.Context(), pod); err != nil {
			return err
		}
		if pod.Annotations[injector.AnnotationInjected] == "" {
			return fmt.Errorf("the pod is not injected yet: the API server does not know the webhook")
		}
		return nil
	})
	if got := a.account(t, namespace).Annotations[gcpKey]; got != "x@p.iam.gserviceaccount.com" {
		t.Errorf("the service account of %s has %q", namespace, got)
	}
}

// admissionConfiguration makes kube-apiserver's files out of those that the documentation shows.
func admissionConfiguration(t *testing.T, replace map[string]string, more string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"admission.yaml", "webhooks.yaml"} {
		text, err := os.ReadFile(filepath.Join("..", "docs", "callers", name))
		if err != nil {
			t.Fatal(err)
		}
		result := string(text)
		for from, to := range replace {
			result = strings.ReplaceAll(result, from, to)
		}
		result = strings.ReplaceAll(result, "/etc/kubernetes/admission", dir)
		if name == "webhooks.yaml" {
			result += more
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(result), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "admission.yaml")
}

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
	ca := testpki.NewAuthority(t, nil)
	dir := t.TempDir()
	certFile, keyFile := testpki.WriteClient(t, dir, "front-proxy-client", ca.Issue(t, "front-proxy-client", nil))
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
			CAFile: testpki.File(t, ca), AllowedNames: []string{"front-proxy-client"},
		}})
		a.webhookFor(t, "certificate", byCertificate, Path)
		a.forged(t, byCertificate, "certificate", Path, "", nil)
		a.forged(t, byCertificate, "certificate", Path, "", ca.Issue(t, "system:node:worker", nil))
		a.forged(t, byCertificate, "certificate", Path, "", testpki.NewAuthority(t, nil).Issue(t, "front-proxy-client", nil))
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
	t.Run("a refusal is told to whoever creates the pod", func(t *testing.T) {
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
	a.mayAttest(t, "apiserver", "*")
	a.mayAttest(t, "aggregated", "apps")
	audience := "https://" + l.host() + Path
	a.forged(t, l, "token", Path, "", nil)
	a.forged(t, l, "token", Path, a.token(t, "apiserver", audience, "", ""), nil)       // as any pod can have projected
	a.forged(t, l, "token", Path, a.token(t, "apiserver", audience, "other", "*"), nil) // of another webhook
	a.forged(t, l, "token", Path, a.token(t, "apiserver", audience+"x", "token", "*"), nil)
	a.forged(t, l, "token", Path, strings.TrimSuffix(a.token(t, "apiserver", audience, "token", "*"), "A")+"B", nil)
	if _, err := a.requestToken(t, "aggregated", audience, "token", "*"); !apierrors.IsForbidden(err) {
		t.Errorf("an account that may not attest all groups: %v", err)
	}
	if err := os.WriteFile(tokenFile, []byte(a.token(t, "apiserver", audience, "token", "*")), 0o600); err != nil {
		t.Fatal(err)
	}
	a.admitsOwn(t, "token")
}

// mayAttest makes a service account that may attest reviews of API groups.
func (a *apiServer) mayAttest(t *testing.T, name, group string) {
	t.Helper()
	a.create(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "token", Name: name}})
	a.create(t, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{"authentication.k8s.io"}, Resources: []string{"admissionReviewAPIGroups"}, ResourceNames: []string{group}, Verbs: []string{"attest"},
	}}})
	a.create(t, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "token", Name: name}},
	})
}

func (a *apiServer) token(t *testing.T, account, audience, webhook, group string) string {
	t.Helper()
	var token string
	eventually(t, func() (err error) { // RBAC is cached.
		token, err = a.requestToken(t, account, audience, webhook, group)
		return err
	})
	return token
}

func (a *apiServer) requestToken(t *testing.T, account, audience, webhook, group string) (string, error) {
	t.Helper()
	clients, err := kubernetes.NewForConfig(a.cfg)
	if err != nil {
		t.Fatal(err)
	}
	seconds := int64(600)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{audience}, ExpirationSeconds: &seconds}}
	if webhook != "" {
		request.Spec.BoundObjectRef = &authenticationv1.BoundObjectReference{
			APIVersion: "admissionregistration.k8s.io/v1", Kind: "MutatingWebhookConfiguration", Name: webhook,
		}
		request.Spec.Attestations = map[string]authenticationv1.AttestationValue{
			authenticationv1.AttestationAdmissionReviewAPIGroups: {group},
		}
	}
	answer, err := clients.CoreV1().ServiceAccounts("token").CreateToken(t.Context(), account, request, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return answer.Status.Token, nil
}

// TestNamedAccountsOnAPIServer runs a replica that cannot tell who calls: it annotates the accounts that profiles name,
// before any pod asks, and no others.
func TestNamedAccountsOnAPIServer(t *testing.T) {
	t.Parallel()
	a := startAPIServer(t)
	r := a.startBehind(t, Gate{ReleaseNamespace: "lighterman-system"}, "lighterman", injector.Settings{Version: "test"}, "get", "list", "watch", "patch")
	const x, y = "x@p.iam.gserviceaccount.com", "y@p.iam.gserviceaccount.com"
	names := func(t *testing.T, namespace, name, user string, accounts ...string) client.Object {
		t.Helper()
		p := a.gke(t, namespace, name, user)
		a.update(t, p, func() { p.Spec.AllowedServiceAccounts = accounts })
		return p
	}
	t.Run("a profile, until it is gone", func(t *testing.T) {
		a.namespace(t, "named")
		p := names(t, "named", "pg", "x", "backup", "missing")
		a.becomes(t, "named", map[string]string{gcpKey: x, forKey: "CredentialProfile/pg"})
		r.admittedSoon(t, "named", "pg")
		a.remove(t, p)
		a.becomes(t, "named", nil)
	})
	t.Run("not before the namespace opts in", func(t *testing.T) {
		a.namespace(t, "later")
		a.label(t, "later", "")
		names(t, "later", "pg", "x", "backup")
		a.stays(t, "later")
		a.label(t, "later", injector.InjectionEnabled)
		a.becomes(t, "later", map[string]string{gcpKey: x, forKey: "CredentialProfile/pg"})
	})
	t.Run("not in a system namespace", func(t *testing.T) {
		a.namespace(t, "lighterman-system")
		names(t, "lighterman-system", "pg", "x", "backup")
		a.stays(t, "lighterman-system")
	})
	t.Run("not for a profile that names none, whatever a review says", func(t *testing.T) {
		a.namespace(t, "unnamed")
		a.gke(t, "unnamed", "pg", "x")
		eventually(t, func() error {
			response := r.admit(t, "unnamed", injector.AnnotationProfile, "pg", false)
			if response.Allowed || !strings.Contains(response.Result.Message, "name backup in spec.allowedServiceAccounts") {
				return fmt.Errorf("got %+v", response.Result)
			}
			return nil
		})
		a.stays(t, "unnamed")
	})
	t.Run("the first of two profiles of different minds", func(t *testing.T) {
		a.namespace(t, "minds")
		names(t, "minds", "pg", "x", "backup")
		a.becomes(t, "minds", map[string]string{gcpKey: x, forKey: "CredentialProfile/pg"})
		names(t, "minds", "another", "y", "backup")
		a.becomes(t, "minds", map[string]string{gcpKey: x, forKey: "CredentialProfile/pg"})
		eventually(t, func() error {
			response := r.admit(t, "minds", injector.AnnotationProfile, "another", false)
			if response.Allowed || !strings.Contains(response.Result.Message, "Lighterman does not overwrite it") {
				return fmt.Errorf("got %+v", response.Result)
			}
			return nil
		})
	})
	t.Run("an account that comes later", func(t *testing.T) {
		a.namespace(t, "account")
		a.remove(t, a.account(t, "account"))
		names(t, "account", "pg", "y", "backup")
		a.create(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "account", Name: "backup", Annotations: map[string]string{"team": "payments"}}})
		a.becomes(t, "account", map[string]string{gcpKey: y, forKey: "CredentialProfile/pg"})
	})
	t.Run("a cluster profile, where it allows", func(t *testing.T) { a.testNamedByCluster(t) })
}

// admittedSoon waits until the caches know enough to admit the pod.
func (r *replica) admittedSoon(t *testing.T, namespace, profile string) {
	t.Helper()
	eventually(t, func() error {
		if response := r.admit(t, namespace, injector.AnnotationProfile, profile, false); !response.Allowed {
			return fmt.Errorf("denied: %s", response.Result.Message)
		}
		return nil
	})
}

// label sets the label by which a namespace opts in; empty takes it away.
func (a *apiServer) label(t *testing.T, name, value string) {
	t.Helper()
	a.relabel(t, name, injector.NamespaceLabel, value)
}

func (a *apiServer) relabel(t *testing.T, name, key, value string) {
	t.Helper()
	namespace := &corev1.Namespace{}
	if err := a.admin.Get(t.Context(), client.ObjectKey{Name: name}, namespace); err != nil {
		t.Fatal(err)
	}
	namespace.Labels[key] = value
	if value == "" {
		delete(namespace.Labels, key)
	}
	if err := a.admin.Update(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
}

// stays fails the test if the account is annotated within a second, which is long for a controller.
func (a *apiServer) stays(t *testing.T, namespace string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if got := a.account(t, namespace).Annotations; got[gcpKey] != "" || got[forKey] != "" {
			t.Fatalf("the account is annotated: %v", got)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (a *apiServer) testNamedByCluster(t *testing.T) {
	t.Helper()
	for _, name := range []string{"allowed", "not-allowed", "not-opted-in"} {
		a.namespace(t, name)
	}
	a.label(t, "not-opted-in", "")
	a.relabel(t, "not-allowed", "team", "other")
	p := &v1alpha1.ClusterCredentialProfile{ObjectMeta: metav1.ObjectMeta{Name: "all"}}
	p.Spec.CredentialProfileSpec = gkeSpec("x")
	p.Spec.AllowedServiceAccounts = []string{"backup"}
	p.Spec.AllowedNamespaces = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "payments"}, MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpIn, Values: []string{"allowed", "not-allowed", "not-opted-in"}},
	}}
	a.create(t, p)
	a.becomes(t, "allowed", map[string]string{gcpKey: "x@p.iam.gserviceaccount.com", forKey: "ClusterCredentialProfile/all"})
	a.stays(t, "not-allowed")
	a.stays(t, "not-opted-in")
	a.relabel(t, "not-allowed", "team", "payments")
	a.becomes(t, "not-allowed", map[string]string{gcpKey: "x@p.iam.gserviceaccount.com", forKey: "ClusterCredentialProfile/all"})
}
