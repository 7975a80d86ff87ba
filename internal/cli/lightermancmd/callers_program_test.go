package lightermancmd

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/internal/test/pki"
	"lighterman.dev/lighterman/internal/test/reviewtest"
	"lighterman.dev/lighterman/webhook/caller"
)

// guarded is the real program with a real API server, from which it requires client certificates or tokens.
type guarded struct {
	admin                          client.Client
	clients                        kubernetes.Interface
	address, metrics, healthz, dir string
	serving                        *pki.Authority

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

// TestProgramBelievesTheAPIServerOnly runs the program with the flags that the chart sets. A forged review writes nothing,
// learns nothing, is counted and logged; the API server's own reviews are answered.
func TestProgramBelievesTheAPIServerOnly(t *testing.T) {
	t.Parallel()
	ca := pki.NewAuthority(t, nil)
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
	if log := g.logged(); !strings.Contains(log, `"refuse review"`) || !strings.Contains(log, `"source":"127.0.0.1:`) {
		t.Errorf("the log does not show refusals: %s", log)
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
	status, answer := reviewtest.Post(t, &http.Client{Transport: transport}, "https://"+g.address+caller.Path, token, body)
	var review struct {
		Response struct {
			Patch []byte `json:"patch"`
		} `json:"response"`
	}
	_ = json.Unmarshal([]byte(answer), &review) // A refusal is no review.
	return status, answer + string(review.Response.Patch)
}

// token requests a token from the API server: one that it would send itself, or one that any pod can have projected.
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
