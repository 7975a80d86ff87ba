package lightermancmd

import (
	"context"
	"crypto/x509"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
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
	"lighterman.dev/lighterman/internal/test/apiserver"
	"lighterman.dev/lighterman/internal/test/pki"
	"lighterman.dev/lighterman/webhook/caller"
)

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

func startGuarded(t *testing.T, ca *pki.Authority) *guarded {
	t.Helper()
	g := &guarded{
		address: guardedAddress(t), metrics: guardedAddress(t), healthz: guardedAddress(t), dir: t.TempDir(),
		serving: pki.NewAuthority(t, nil),
	}
	certFile, keyFile := pki.WriteClient(t, g.dir, "front-proxy-client", ca.Issue(t, "front-proxy-client", nil))
	edit := strings.NewReplacer("/etc/kubernetes/admission", g.dir, "/etc/kubernetes/pki/front-proxy-client.crt", certFile,
		"/etc/kubernetes/pki/front-proxy-client.key", keyFile, "lighterman.lighterman-system.svc", g.address)
	for _, name := range []string{"admission.yaml", "webhooks.yaml"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "callers", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(g.dir, name), []byte(edit.Replace(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg := apiserver.StartWith(t, map[string]string{
		"feature-gates":                 "APIServerWebhookAuthenticationToken=true",
		"admission-control-config-file": filepath.Join(g.dir, "admission.yaml"),
	}, filepath.Join("..", "..", "..", "charts", "lighterman", "files", "crds"))
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
func (g *guarded) run(t *testing.T, cfg *rest.Config, ca *pki.Authority) {
	t.Helper()
	program := filepath.Join(g.dir, "lighterman")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-tags=lighterman_image", "-o", program, "lighterman.dev/lighterman").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	pair := g.serving.Issue(t, "webhook", func(c *x509.Certificate) {
		c.DNSNames = []string{"lighterman.lighterman-system.svc"}
		c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
	certFile, keyFile := pki.WriteClient(t, g.dir, "serving", pair)
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
		"--client-ca-file="+pki.File(t, ca), "--client-allowed-name=front-proxy-client", "--caller-tokens")
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

// letAttest grants the service account the permission of an API server's.
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
