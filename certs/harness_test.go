package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// testSettle is SettleDelay in tests. The stream's client lags behind by less.
const testSettle = 2 * time.Second

// release is what the chart makes: a namespace, the empty Secret, and a role that allows what this package needs and no
// more. The webhook configuration is left to the test.
type release struct {
	name   string // of the namespace, the configuration and the user
	admin  kubernetes.Interface
	cfg    *rest.Config // as the program
	secret string
}

func newRelease(t *testing.T, cfg *rest.Config, name string, secretVerbs ...string) *release {
	t.Helper()
	r := &release{name: name, secret: "lighterman-ca", admin: kubernetes.NewForConfigOrDie(cfg), cfg: rest.CopyConfig(cfg)}
	r.cfg.Impersonate.UserName = name
	ctx := t.Context()
	meta := metav1.ObjectMeta{Name: name}
	subjects := []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}}

	_, err1 := r.admin.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: meta}, metav1.CreateOptions{})
	_, err2 := r.admin.CoreV1().Secrets(name).Create(ctx,
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: r.secret}}, metav1.CreateOptions{})
	_, err3 := r.admin.RbacV1().Roles(name).Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{r.secret},
		Verbs: append([]string{"get", "list", "watch", "update"}, secretVerbs...),
	}}}, metav1.CreateOptions{})
	_, err4 := r.admin.RbacV1().RoleBindings(name).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: meta, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
	}, metav1.CreateOptions{})
	_, err5 := r.admin.RbacV1().ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{"admissionregistration.k8s.io"}, Resources: []string{"mutatingwebhookconfigurations"},
		ResourceNames: []string{name}, Verbs: []string{"get", "list", "watch", "patch"},
	}}}, metav1.CreateOptions{})
	_, err6 := r.admin.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
	}, metav1.CreateOptions{})
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		t.Fatal(err)
	}
	return r
}

// options are those of a replica. The API server calls localhost.
func (r *release) options() Options {
	return Options{
		Namespace: r.name, SecretName: r.secret, WebhookConfiguration: r.name,
		DNSNames: []string{"localhost"}, SettleDelay: testSettle,
	}
}

// configure makes the webhook configuration with one webhook for each address.
func (r *release) configure(t *testing.T, addresses ...string) {
	t.Helper()
	config := &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: r.name}}
	for i, address := range addresses {
		config.Webhooks = append(config.Webhooks, admissionregistrationv1.MutatingWebhook{
			Name:                    fmt.Sprintf("w%d.lighterman.dev", i),
			ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: new("https://" + address + "/")},
			SideEffects:             new(admissionregistrationv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"},
			NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: r.name}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}},
			}},
		})
	}
	configs := r.admin.AdmissionregistrationV1().MutatingWebhookConfigurations()
	if _, err := configs.Create(t.Context(), config, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := configs.Delete(context.Background(), r.name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
}

func (r *release) config(t *testing.T) *admissionregistrationv1.MutatingWebhookConfiguration {
	t.Helper()
	config, err := r.admin.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(t.Context(), r.name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// edit changes the webhook configuration as a person would.
func (r *release) edit(t *testing.T, change func(*admissionregistrationv1.MutatingWebhookConfiguration)) {
	t.Helper()
	eventually(t, 10*time.Second, func() error {
		config := r.config(t)
		change(config)
		_, err := r.admin.AdmissionregistrationV1().MutatingWebhookConfigurations().
			Update(t.Context(), config, metav1.UpdateOptions{FieldManager: "kubectl-edit"})
		return err
	})
}

// admit creates an object that the API server asks all webhooks about.
func (r *release) admit(ctx context.Context) error {
	_, err := r.admin.CoreV1().ConfigMaps(r.name).Create(ctx,
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "x-"}}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

// replica is a running Source behind a listener that answers admission reviews, each over a connection of its own.
type replica struct {
	*Source
	address string
	log     *logLines
}

func (r *release) newReplica(t *testing.T, o Options) *replica {
	t.Helper()
	lines := &logLines{}
	s, err := New(r.cfg, o, funcr.New(lines.add, funcr.Options{Verbosity: 0}))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler:           http.HandlerFunc(allow),
		TLSConfig:         &tls.Config{GetCertificate: s.GetCertificate, MinVersion: tls.VersionTLS13},
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	server.SetKeepAlivesEnabled(false)
	go func() { _ = server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() { _ = server.Close() })
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	rep := &replica{Source: s, address: "localhost:" + port, log: lines}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s:\n%s", rep.address, lines)
		}
	})
	start(t, s)
	return rep
}

func allow(w http.ResponseWriter, req *http.Request) {
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(req.Body).Decode(&review); err != nil || review.Request == nil {
		http.Error(w, "no review", http.StatusBadRequest)
		return
	}
	review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(review)
}

// dial shakes hands as a client that trusts bundle and nothing else, and returns the certificate that it was shown.
func dial(ctx context.Context, address string, bundle []byte) (*x509.Certificate, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	dialer := &tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS13}}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

// start runs s until the test ends.
func start(t *testing.T, s *Source) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Start(ctx) }()
	t.Cleanup(func() {
		before, _ := s.GetCertificate(nil)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Start = %v", err)
		}
		if after, _ := s.GetCertificate(nil); before != nil && after == nil {
			t.Error("the certificate goes before the connections that are being drained")
		}
	})
}

// eventually waits until check returns nil.
func eventually(t *testing.T, timeout time.Duration, check func() error) {
	t.Helper()
	deadline := time.Now().Add(timeout)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %s: %v", timeout, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// notReady waits until Ready says want.
func (rep *replica) notReady(t *testing.T, want string) {
	t.Helper()
	eventually(t, 30*time.Second, func() error {
		if err := rep.Ready(nil); err == nil || !strings.Contains(err.Error(), want) {
			return fmt.Errorf("Ready = %w, want %q", err, want)
		}
		return nil
	})
}

// ready waits until Ready says yes.
func (rep *replica) ready(t *testing.T) {
	t.Helper()
	eventually(t, 30*time.Second, func() error { return rep.Ready(nil) })
}
