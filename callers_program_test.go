package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/internal/testenv"
	"lighterman.dev/lighterman/internal/testpki"
	"lighterman.dev/lighterman/webhook/caller"
)

// guarded is the real program beside a real API server whose client certificates and tokens it asks for.
type guarded struct {
	admin                          client.Client
	clients                        kubernetes.Interface
	address, metrics, healthz, dir string
	serving                        *testpki.Authority

	mu  sync.Mutex
	log bytes.Buffer
}

// Write takes the program's log.
func (g *guarded) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.log.Write(p)
}

func (g *guarded) logged() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.log.String()
}

const guardedBucket = "bucket-that-nobody-may-know"

// TestProgramBelievesTheAPIServerOnly runs the program with the flags that the chart sets: what any pod could post writes
// nothing, is told nothing, is counted and logged, and the API server's own reviews are answered.
func TestProgramBelievesTheAPIServerOnly(t *testing.T) {
	t.Parallel()
	ca := testpki.NewAuthority(t, nil)
	g := startGuarded(t, ca)
	g.refusesForged(t, nil, "")
	g.refusesForged(t, ca.Issue(t, "system:node:worker", nil), "")
	g.refusesForged(t, nil, g.token(t, false))
	// By a certificate, as docs/callers has the API server show it.
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "dump", Annotations: map[string]string{"lighterman.dev/profile": "pg"}},
		Spec:       corev1.PodSpec{ServiceAccountName: "backup", Containers: []corev1.Container{{Name: "dump", Image: "dump"}}},
	}
	if err := g.admin.Create(t.Context(), pod); err != nil {
		t.Fatalf("%v\n%s", err, g.logged())
	}
	if pod.Annotations["lighterman.dev/injected"] == "" || g.annotation(t) == "" {
		t.Errorf("the pod's annotations are %v, the account's %q", pod.Annotations, g.annotation(t))
	}
	// By a token of KEP-6060.
	if status, answer := g.post(t, nil, g.token(t, true)); status != http.StatusOK || !strings.Contains(answer, guardedBucket) {
		t.Errorf("with a bound token: %d %s", status, answer)
	}
	metrics := g.read(t, "http://"+g.metrics+"/metrics")
	for _, want := range []string{
		`lighterman_admission_requests_total{outcome="refused",reason="NoCredentials"} 1`,
		`lighterman_admission_requests_total{outcome="refused",reason="BadCertificate"} 1`,
		`lighterman_admission_requests_total{outcome="refused",reason="BadToken"} 1`,
		`lighterman_caller_authentication{method="certificate"} 1`,
		`lighterman_caller_authentication{method="token"} 1`,
		`lighterman_caller_authentication{method="none"} 0`,
		`lighterman_admission_callers_total{method="certificate"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no metric %s", want)
		}
	}
	if log := g.logged(); !strings.Contains(log, `"Refused a review"`) || !strings.Contains(log, `"source":"127.0.0.1:`) {
		t.Errorf("the log does not tell of refusals: %s", log)
	}
}

func (g *guarded) refusesForged(t *testing.T, certificate *tls.Certificate, token string) {
	t.Helper()
	status, answer := g.post(t, certificate, token)
	if status != http.StatusForbidden || answer != caller.Message {
		t.Errorf("a forged review: %d %s", status, answer)
	}
	if got := g.annotation(t); got != "" {
		t.Errorf("a forged review wrote %q", got)
	}
}

// post sends a review as any pod could write it.
func (g *guarded) post(t *testing.T, certificate *tls.Certificate, token string) (int, string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": map[string]any{
		"uid": "forged", "kind": map[string]any{"group": "", "version": "v1", "kind": "Pod"}, "namespace": "payments", "operation": "CREATE",
		"object": map[string]any{
			"metadata": map[string]any{"name": "x", "annotations": map[string]any{"lighterman.dev/profile": "pg"}},
			"spec":     map[string]any{"serviceAccountName": "backup", "containers": []any{map[string]any{"name": "c"}}},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "lighterman.lighterman-system.svc", MinVersion: tls.VersionTLS13}
	config.RootCAs.AppendCertsFromPEM(g.serving.PEM())
	if certificate != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, nil }
	}
	transport := &http.Transport{TLSClientConfig: config}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+g.address+caller.Path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var review struct {
		Response struct {
			Patch []byte `json:"patch"`
		} `json:"response"`
	}
	_ = json.Unmarshal(answer, &review) // A refusal is no review.
	return response.StatusCode, string(answer) + string(review.Response.Patch)
}

// token asks the API server for a token: one that it would send itself, or one that any pod can have projected.
func (g *guarded) token(t *testing.T, bound bool) string {
	t.Helper()
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		Audiences: []string{caller.ServiceAudience("lighterman", "lighterman-system") + caller.Path},
	}}
	if bound {
		request.Spec.BoundObjectRef = &authenticationv1.BoundObjectReference{
			APIVersion: "admissionregistration.k8s.io/v1", Kind: "MutatingWebhookConfiguration", Name: "lighterman",
		}
		request.Spec.Attestations = map[string]authenticationv1.AttestationValue{authenticationv1.AttestationAdmissionReviewAPIGroups: {"*"}}
	}
	answer, err := g.clients.CoreV1().ServiceAccounts("kube-system").CreateToken(t.Context(), "apiserver", request, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return answer.Status.Token
}

func (g *guarded) annotation(t *testing.T) string {
	t.Helper()
	account, err := g.clients.CoreV1().ServiceAccounts("payments").Get(t.Context(), "backup", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return account.Annotations["iam.gke.io/gcp-service-account"]
}

func (g *guarded) read(t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		return response.Status
	}
	return string(text)
}

// guardedAddress reserves an address for a moment.
func guardedAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func startGuarded(t *testing.T, ca *testpki.Authority) *guarded {
	t.Helper()
	g := &guarded{
		address: guardedAddress(t), metrics: guardedAddress(t), healthz: guardedAddress(t), dir: t.TempDir(),
		serving: testpki.NewAuthority(t, nil),
	}
	certFile, keyFile := testpki.WriteClient(t, g.dir, "front-proxy-client", ca.Issue(t, "front-proxy-client", nil))
	edit := strings.NewReplacer("/etc/kubernetes/admission", g.dir, "/etc/kubernetes/pki/front-proxy-client.crt", certFile,
		"/etc/kubernetes/pki/front-proxy-client.key", keyFile, "lighterman.lighterman-system.svc", g.address)
	for _, name := range []string{"admission.yaml", "webhooks.yaml"} {
		text, err := os.ReadFile(filepath.Join("docs", "callers", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(g.dir, name), []byte(edit.Replace(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg := testenv.StartWith(t, map[string]string{
		"feature-gates":                 "APIServerWebhookAuthenticationToken=true",
		"admission-control-config-file": filepath.Join(g.dir, "admission.yaml"),
	}, filepath.Join("charts", "lighterman", "files", "crds"))
	g.makeObjects(t, cfg)
	g.run(t, cfg, ca)
	return g
}

func (g *guarded) makeObjects(t *testing.T, cfg *rest.Config) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, v1alpha1.AddToScheme, admissionregistrationv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if g.admin, err = client.New(cfg, client.Options{Scheme: scheme}); err != nil {
		t.Fatal(err)
	}
	if g.clients, err = kubernetes.NewForConfig(cfg); err != nil {
		t.Fatal(err)
	}
	profile := &v1alpha1.CredentialProfile{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "pg"}}
	profile.Spec.GCS = &v1alpha1.GCSStore{Bucket: guardedBucket, Auth: v1alpha1.GCSAuth{
		GKEWorkloadIdentity: &v1alpha1.GKEWorkloadIdentity{ServiceAccount: "x@p.iam.gserviceaccount.com"},
	}}
	url, none := "https://"+g.address+caller.Path, admissionregistrationv1.SideEffectClassNoneOnDryRun
	for _, object := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "lighterman-system"}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "payments", Labels: map[string]string{"lighterman.dev/injection": "enabled"}}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "backup"}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "apiserver"}},
		profile,
		&admissionregistrationv1.MutatingWebhookConfiguration{
			ObjectMeta: metav1.ObjectMeta{Name: "lighterman"},
			Webhooks: []admissionregistrationv1.MutatingWebhook{{
				Name: "pods.lighterman.dev", SideEffects: &none, AdmissionReviewVersions: []string{"v1"},
				ClientConfig:      admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: g.serving.PEM()},
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"lighterman.dev/injection": "enabled"}},
				Rules: []admissionregistrationv1.RuleWithOperations{{
					Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
					Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
				}},
			}},
		},
	} {
		if err := g.admin.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	g.letAttest(t)
}

// run starts the program and waits until it is ready.
func (g *guarded) run(t *testing.T, cfg *rest.Config, ca *testpki.Authority) {
	t.Helper()
	program := filepath.Join(g.dir, "lighterman")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	pair := g.serving.Issue(t, "webhook", func(c *x509.Certificate) {
		c.DNSNames = []string{"lighterman.lighterman-system.svc"}
		c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
	certFile, keyFile := testpki.WriteClient(t, g.dir, "serving", pair)
	for from, to := range map[string]string{certFile: "tls.crt", keyFile: "tls.key"} {
		if err := os.Rename(from, filepath.Join(g.dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	_, port, err := net.SplitHostPort(g.address)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, "webhook", "--port="+port,
		"--health-address="+g.healthz, "--metrics-address="+g.metrics, "--namespace=lighterman-system", "--shutdown-delay=0s",
		"--webhook-configuration=lighterman", "--certs=files", "--certs-dir="+g.dir,
		"--client-ca-file="+testpki.File(t, ca), "--client-allowed-name=front-proxy-client", "--caller-tokens")
	cmd.Env = append(os.Environ(), "KUBECONFIG="+g.kubeconfig(t, cfg))
	cmd.Stdout, cmd.Stderr = g, g
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the program ended: %v\n%s", err, g.logged())
		}
	})
	deadline := time.Now().Add(time.Minute)
	for answer := ""; !strings.Contains(answer, "ok"); time.Sleep(50 * time.Millisecond) {
		if answer = g.read(t, "http://"+g.healthz+"/readyz"); time.Now().After(deadline) {
			t.Fatalf("not ready: %s\n%s", answer, g.logged())
		}
	}
}

// kubeconfig is that of the API server's administrator.
func (g *guarded) kubeconfig(t *testing.T, cfg *rest.Config) string {
	t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: cfg.Host, CertificateAuthorityData: cfg.CAData}
	config.AuthInfos["u"] = &clientcmdapi.AuthInfo{ClientCertificateData: cfg.CertData, ClientKeyData: cfg.KeyData}
	config.Contexts["x"], config.CurrentContext = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}, "x"
	path := filepath.Join(g.dir, "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// letAttest gives the service account the permission that an API server's has.
func (g *guarded) letAttest(t *testing.T) {
	t.Helper()
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "attester"}, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{"authentication.k8s.io"}, Resources: []string{"admissionReviewAPIGroups"}, ResourceNames: []string{"*"}, Verbs: []string{"attest"},
	}}}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "attester"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "attester"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "kube-system", Name: "apiserver"}},
	}
	if _, err := g.clients.RbacV1().ClusterRoles().Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := g.clients.RbacV1().ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}
