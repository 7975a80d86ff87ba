package webhook

import (
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

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"lighterman.dev/lighterman/injector"
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
	body := reviewOf(backupPod, func(r map[string]any) { r["namespace"] = namespace })
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

// tokenAccount is the service account of the API servers, in the namespace token.
const tokenAccount = "apiserver"

func (a *apiServer) token(t *testing.T, audience, webhook, group string) string {
	t.Helper()
	var token string
	eventually(t, func() (err error) { // RBAC is cached.
		token, err = a.requestToken(t, tokenAccount, audience, webhook, group)
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

// withOtherSignature changes a character in the middle of a token's signature. The last one has bits that decoders ignore.
func withOtherSignature(token string) string {
	at := len(token) - 100
	other := byte('A')
	if token[at] == other {
		other = 'B'
	}
	return token[:at] + string(other) + token[at+1:]
}
