package webhook

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
)

// TestNamedAccountsOnAPIServer runs a replica that authenticates no caller: it annotates the accounts that profiles name,
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
	t.Run("not for a profile that names none, even for a review", func(t *testing.T) {
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
