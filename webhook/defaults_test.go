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
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/resolve"
)

const ofAccount, ofNamespace = "payments/default", "payments"

// TestDefaults ranks what names a profile: the pod, its service account, its namespace, and last the selectors.
func TestDefaults(t *testing.T) {
	t.Parallel()
	names := func(key, profile string) map[string]string { return map[string]string{key: profile} }
	all := []resolve.ScopedProfile{
		testProfile(t, namespaced, "pod", ""), testProfile(t, namespaced, "account", ""), testProfile(t, namespaced, "namespace", ""),
		testProfile(t, namespaced, "selecting", "  selector: {podSelector: {}}"),
		testProfile(t, namespaced, "others", "  allowedServiceAccounts: [backup]"),
		testProfile(t, cluster, "company", "  allowedNamespaces: {matchLabels: {team: payments}}"),
		testProfile(t, cluster, "elsewhere", "  allowedNamespaces: {matchLabels: {team: other}}"),
	}
	tests := map[string]struct {
		annotations string
		defaults    map[string]map[string]string
		wantProfile string
		wantDenied  []string
	}{
		"the pod goes before its service account": {
			annotations: `"lighterman.dev/profile":"pod"`,
			defaults:    map[string]map[string]string{ofAccount: names(injector.AnnotationProfile, "account")},
			wantProfile: "CredentialProfile payments/pod",
		},
		"the service account before its namespace": {
			defaults: map[string]map[string]string{
				ofAccount: names(injector.AnnotationProfile, "account"), ofNamespace: names(injector.AnnotationProfile, "namespace"),
			},
			wantProfile: "CredentialProfile payments/account",
		},
		"the namespace before a selector": {
			defaults:    map[string]map[string]string{ofNamespace: names(injector.AnnotationProfile, "namespace")},
			wantProfile: "CredentialProfile payments/namespace",
		},
		"then the selectors": {wantProfile: "CredentialProfile payments/selecting"},
		"a cluster profile may be a default": {
			defaults:    map[string]map[string]string{ofNamespace: names(injector.AnnotationClusterProfile, "company")},
			wantProfile: "ClusterCredentialProfile company",
		},
		"a pod that opts out has no default": {
			annotations: `"lighterman.dev/inject":"false"`,
			defaults:    map[string]map[string]string{ofAccount: names(injector.AnnotationProfile, "missing")},
		},
		"a default that is not there is denied": {
			defaults:   map[string]map[string]string{ofAccount: names(injector.AnnotationProfile, "missing")},
			wantDenied: []string{`no CredentialProfile "missing" in namespace payments`, "annotation lighterman.dev/profile of service account payments/default names"},
		},
		"a cluster profile that is not there is denied": {
			defaults:   map[string]map[string]string{ofNamespace: names(injector.AnnotationClusterProfile, "missing")},
			wantDenied: []string{`no ClusterCredentialProfile "missing"`, "annotation lighterman.dev/cluster-profile of namespace payments names"},
		},
		"an empty default is denied": {
			defaults:   map[string]map[string]string{ofNamespace: names(injector.AnnotationProfile, "")},
			wantDenied: []string{"annotation lighterman.dev/profile of namespace payments is empty"},
		},
		"two defaults of one object are denied": {
			defaults: map[string]map[string]string{ofAccount: {
				injector.AnnotationProfile: "account", injector.AnnotationClusterProfile: "company",
			}},
			wantDenied: []string{"service account payments/default has both annotations"},
		},
		"allowedServiceAccounts holds for a default": {
			defaults:   map[string]map[string]string{ofNamespace: names(injector.AnnotationProfile, "others")},
			wantDenied: []string{"does not allow service account default"},
		},
		"allowedNamespaces holds for a default": {
			defaults:   map[string]map[string]string{ofAccount: names(injector.AnnotationClusterProfile, "elsewhere")},
			wantDenied: []string{"does not allow namespace payments"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &memory{profiles: all, defaults: test.defaults, namespaces: map[string]map[string]string{"payments": {"team": "payments"}}}
			h, _ := newHandler(t, store, store)
			checkProfile(t, responseOf(t, post(h, reviewOf(podWith(test.annotations)))), test.wantProfile, test.wantDenied...)
		})
	}
}

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
	cached := &memory{defaults: map[string]map[string]string{ofAccount: {injector.AnnotationProfile: "old"}}}
	live := &memory{
		profiles: []resolve.ScopedProfile{testProfile(t, namespaced, "new", "")},
		defaults: map[string]map[string]string{ofAccount: {injector.AnnotationProfile: "new"}},
	}
	h, _ := newHandler(t, cached, live)
	checkProfile(t, responseOf(t, post(h, reviewOf(podWith("")))), "CredentialProfile payments/new")
}

// TestDefaultsOnAPIServer reads the defaults through the real caches, and without the permission to read service accounts.
func TestDefaultsOnAPIServer(t *testing.T) {
	t.Parallel()
	a := startAPIServer(t)
	r := a.start(t, "lighterman", injector.Settings{Version: "test"}, "get", "list", "watch", "patch")
	blind := a.start(t, "blind", injector.Settings{Version: "test", Cluster: profile.Cluster{NoServiceAccountAnnotations: true}})

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
	store := &memory{err: errors.New("connection refused")}
	h, _ := newHandler(t, store, store)
	if r := responseOf(t, post(h, reviewOf(podWith("")))); r.Allowed || !strings.Contains(r.Result.Message, "find service account payments/default: connection refused") {
		t.Errorf("got %+v", r.Result)
	}
}
