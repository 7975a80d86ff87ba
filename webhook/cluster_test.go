package webhook

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/apiserver"
)

// apiServer is a real API server with the webhook beside it: reviews are posted to its handler, and everything else is as
// in a cluster.
type apiServer struct {
	cfg   *rest.Config
	admin client.Client
}

func startAPIServer(t *testing.T) *apiServer {
	t.Helper()
	return startAPIServerWith(t, nil)
}

// startAPIServerWith starts an API server with flags of its own.
func startAPIServerWith(t *testing.T, flags map[string]string) *apiServer {
	t.Helper()
	cfg := apiserver.StartWith(t, flags, filepath.Join("..", "charts", "lighterman", "files", "crds"))
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{AddToScheme, corev1.AddToScheme, rbacv1.AddToScheme, admissionregistrationv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	admin, err := client.New(cfg, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return &apiServer{cfg: cfg, admin: admin}
}

// start runs a replica, as a user with the permissions of the chart: verbs are those on service accounts.
func (a *apiServer) start(t *testing.T, user string, settings injector.Settings, verbs ...string) *replica {
	t.Helper()
	return a.startBehind(t, Gate{Callers: believing(t)}, user, settings, verbs...)
}

// startBehind runs a replica that believes whom the gate believes.
func (a *apiServer) startBehind(t *testing.T, gate Gate, user string, settings injector.Settings, verbs ...string) *replica {
	t.Helper()
	read := []string{"get", "list", "watch"}
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: user}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"lighterman.dev"}, Resources: []string{"*"}, Verbs: read},
		{APIGroups: []string{"lighterman.dev"}, Resources: []string{"credentialprofiles/status", "clustercredentialprofiles/status"}, Verbs: []string{"update"}},
		{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: read},
		{APIGroups: []string{"events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}},
	}}
	if len(verbs) > 0 {
		role.Rules = append(role.Rules, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, Verbs: verbs})
	}
	a.create(t, role)
	a.create(t, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: user},
	})
	cfg := rest.CopyConfig(a.cfg)
	cfg.Impersonate.UserName = user
	cfg.QPS = -1
	scheme := runtime.NewScheme()
	if err := AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	mux := &muxServer{mux: http.NewServeMux()}
	yes := true
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme: scheme, Cache: CacheOptions(), WebhookServer: mux, Logger: logr.Discard(),
		Metrics:    server.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: &yes},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ready, err := Setup(ctx, mgr, settings, gate, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	eventually(t, func() error { return ready(nil) })
	return &replica{apiServer: a, handler: mux.mux}
}

// muxServer is a webhook server that does not listen.
type muxServer struct{ mux *http.ServeMux }

var _ ctrlwebhook.Server = (*muxServer)(nil)

func (*muxServer) NeedLeaderElection() bool                  { return false }
func (s *muxServer) Register(path string, hook http.Handler) { s.mux.Handle(path, hook) }
func (*muxServer) StartedChecker() healthz.Checker           { return healthz.Ping }
func (s *muxServer) WebhookMux() *http.ServeMux              { return s.mux }
func (*muxServer) Start(ctx context.Context) error           { <-ctx.Done(); return nil }

// replica is a running webhook.
type replica struct {
	*apiServer
	handler http.Handler
}

// admit has a pod of the service account backup admitted that names profile.
func (r *replica) admit(t *testing.T, namespace, annotation, profile string, dryRun bool) *admissionv1.AdmissionResponse {
	t.Helper()
	pod := fmt.Sprintf(`{"metadata":{"name":"dump","annotations":{%q:%q}},"spec":{"serviceAccountName":"backup","containers":[{"name":"dump"}]}}`,
		annotation, profile)
	return responseOf(t, post(r.handler, reviewOf(pod, func(request map[string]any) {
		request["namespace"], request["dryRun"] = namespace, dryRun
	})))
}

// admitted fails the test unless the pod is admitted.
func (r *replica) admitted(t *testing.T, namespace, profile string) {
	t.Helper()
	if response := r.admit(t, namespace, injector.AnnotationProfile, profile, false); !response.Allowed {
		t.Fatalf("denied: %s", response.Result.Message)
	}
}

// denied fails the test unless the pod is denied with a message that holds all of want.
func (r *replica) denied(t *testing.T, namespace, profile string, want ...string) {
	t.Helper()
	response := r.admit(t, namespace, injector.AnnotationProfile, profile, false)
	if response.Allowed {
		t.Fatalf("allowed, want a denial with %q", want)
	}
	t.Log(response.Result.Message)
	for _, w := range want {
		if !strings.Contains(response.Result.Message, w) {
			t.Errorf("got %s, want %q", response.Result.Message, w)
		}
	}
}

// namespace makes a namespace with the service account backup, which has an annotation of another owner.
func (a *apiServer) namespace(t *testing.T, name string) {
	t.Helper()
	a.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"team": "payments", injector.NamespaceLabel: injector.InjectionSelected}}})
	a.create(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{
		Namespace: name, Name: "backup", Annotations: map[string]string{"team": "payments"}, Labels: map[string]string{"a": "b"},
	}})
}

func (a *apiServer) create(t *testing.T, object client.Object) {
	t.Helper()
	if err := a.admin.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

// gke makes a profile of GKE workload identity that impersonates user.
func (a *apiServer) gke(t *testing.T, namespace, name, user string) *v1alpha1.CredentialProfile {
	t.Helper()
	p := &v1alpha1.CredentialProfile{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: gkeSpec(user)}
	a.create(t, p)
	return p
}

func gkeSpec(user string) v1alpha1.CredentialProfileSpec {
	return v1alpha1.CredentialProfileSpec{GCS: &v1alpha1.GCSStore{
		Bucket: "pg-backups",
		Auth:   v1alpha1.GCSAuth{GKEWorkloadIdentity: &v1alpha1.GKEWorkloadIdentity{ServiceAccount: user + "@p.iam.gserviceaccount.com"}},
	}}
}

func (a *apiServer) account(t *testing.T, namespace string) *corev1.ServiceAccount {
	t.Helper()
	account := &corev1.ServiceAccount{}
	if err := a.admin.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "backup"}, account); err != nil {
		t.Fatal(err)
	}
	return account
}

// annotate writes an annotation as another owner.
func (a *apiServer) annotate(t *testing.T, namespace, key, value, owner string) {
	t.Helper()
	account := a.account(t, namespace)
	before := client.MergeFrom(account.DeepCopy())
	account.Annotations[key] = value
	if err := a.admin.Patch(t.Context(), account, before, client.FieldOwner(owner)); err != nil {
		t.Fatal(err)
	}
}

// becomes waits until the account's annotations, besides another owner's, are want.
func (a *apiServer) becomes(t *testing.T, namespace string, want map[string]string) {
	t.Helper()
	eventually(t, func() error {
		got := a.account(t, namespace).Annotations
		if got["team"] != "payments" {
			return fmt.Errorf("the annotation of another owner is gone: %v", got)
		}
		for _, key := range []string{gcpKey, roleKey, forKey} {
			value, ok := got[key]
			wanted, wantedToo := want[key]
			if value != wanted || ok != wantedToo {
				return fmt.Errorf("annotation %s is %q, want %q", key, value, wanted)
			}
		}
		return nil
	})
}

// update changes a profile, whose status a controller changes too.
func (a *apiServer) update(t *testing.T, p *v1alpha1.CredentialProfile, change func()) {
	t.Helper()
	eventually(t, func() error {
		if err := a.admin.Get(t.Context(), client.ObjectKeyFromObject(p), p); err != nil {
			return err
		}
		change()
		return a.admin.Update(t.Context(), p)
	})
}

func (a *apiServer) remove(t *testing.T, object client.Object) {
	t.Helper()
	if err := a.admin.Delete(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

// accepted reports whether the profile's condition is want.
func (a *apiServer) accepted(t *testing.T, p *v1alpha1.CredentialProfile, want metav1.ConditionStatus) error {
	t.Helper()
	if err := a.admin.Get(t.Context(), client.ObjectKeyFromObject(p), p); err != nil {
		return err
	}
	if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionAccepted); c == nil || c.Status != want {
		return fmt.Errorf("condition %+v, want %s", c, want)
	}
	return nil
}

func eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
