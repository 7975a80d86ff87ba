package webhook

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/fakecluster"
	"lighterman.dev/lighterman/webhook/resolve"
)

const ofAccount, ofNamespace = "payments/default", "payments"

// checkProfile checks which profile a pod got, or that it was denied with a message that holds all of denied.
func checkProfile(t *testing.T, r *admissionv1.AdmissionResponse, profile string, denied ...string) {
	t.Helper()
	if r.Allowed != (len(denied) == 0) || r.AuditAnnotations["profile"] != profile {
		t.Errorf("allowed %v with profile %q, want %q: %v", r.Allowed, r.AuditAnnotations["profile"], profile, r.Result)
	}
	for _, want := range denied {
		if r.Result != nil && !strings.Contains(r.Result.Message, want) {
			t.Errorf("got %s, want %q", r.Result.Message, want)
		}
	}
}

func TestDefaultsAreLookedAtLiveBeforeADenial(t *testing.T) {
	t.Parallel()
	cached := &fakecluster.Source{Defaults: map[string]map[string]string{ofAccount: {injector.AnnotationProfile: "old"}}}
	live := &fakecluster.Source{
		Profiles: []resolve.ScopedProfile{testProfile(t, namespaced, "new", "")},
		Defaults: map[string]map[string]string{ofAccount: {injector.AnnotationProfile: "new"}},
	}
	h, _ := newHandler(t, cached, live)
	checkProfile(t, responseOf(t, post(h, reviewOf(podWith("")))), "CredentialProfile payments/new")
}

// TestDefaultsOnAPIServer reads the defaults through the real caches, and without the permission to read service accounts.
func TestDefaultsOnAPIServer(t *testing.T) {
	t.Parallel()
	a := startAPIServer(t)
	r := a.start(t, "lighterman", injector.Settings{Version: "test"}, "get", "list", "watch", "patch")
	blind := a.start(t, "blind", injector.Settings{Version: "test", NoServiceAccountAnnotations: true})

	a.namespace(t, "defaults")
	for _, name := range []string{"account", "namespace"} {
		p := a.gke(t, "defaults", name, "x")
		a.update(t, p, func() { p.Spec.GCS.Auth.GKEWorkloadIdentity = nil; p.Spec.GCS.Auth.Ambient = &v1alpha1.Ambient{} })
	}
	ask := func(r *replica, account string) *admissionv1.AdmissionResponse {
		pod := fmt.Sprintf(`{"metadata":{"name":"dump"},"spec":{"serviceAccountName":%q,"containers":[{"name":"dump"}]}}`, account)
		return responseOf(t, post(r.handler, reviewOf(pod, func(request map[string]any) { request["namespace"] = "defaults" })))
	}
	becomes := func(r *replica, want string) {
		t.Helper()
		eventually(t, func() error {
			if got := ask(r, "backup").AuditAnnotations["profile"]; got != want {
				return fmt.Errorf("the pod has %q, want %q", got, want)
			}
			return nil
		})
	}
	becomes(r, "")
	namespace := &corev1.Namespace{}
	if err := a.admin.Get(t.Context(), client.ObjectKey{Name: "defaults"}, namespace); err != nil {
		t.Fatal(err)
	}
	namespace.Annotations = map[string]string{injector.AnnotationProfile: "namespace", "other": "x"}
	if err := a.admin.Update(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	becomes(r, "CredentialProfile defaults/namespace")
	a.annotate(t, "defaults", injector.AnnotationProfile, "account", "test")
	becomes(r, "CredentialProfile defaults/account")
	becomes(blind, "CredentialProfile defaults/namespace")

	// One that was created with the pod is not in the cache yet, as a rule.
	for i := range 5 {
		name := fmt.Sprintf("new-%d", i)
		a.create(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{
			Namespace: "defaults", Name: name, Annotations: map[string]string{injector.AnnotationProfile: "account"},
		}})
		checkProfile(t, ask(r, name), "CredentialProfile defaults/account")
	}
}

func TestDefaultsOutOfReachAreAnError(t *testing.T) {
	t.Parallel()
	store := &fakecluster.Source{Err: errors.New("connection refused")}
	h, _ := newHandler(t, store, store)
	if r := responseOf(t, post(h, reviewOf(podWith("")))); r.Allowed || !strings.Contains(r.Result.Message, "find service account payments/default: connection refused") {
		t.Errorf("got %+v", r.Result)
	}
}
