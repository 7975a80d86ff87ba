package resolve_test

import (
	"errors"
	"strings"
	"testing"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/fakecluster"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/resolve"
)

const (
	namespaced = v1alpha1.KindCredentialProfile
	cluster    = v1alpha1.KindClusterCredentialProfile

	ofAccount, ofNamespace = "payments/default", "payments"
)

func testProfile(t *testing.T, kind, name, extra string) resolve.ScopedProfile {
	t.Helper()
	return fakecluster.Profile(t, kind, name, "  s3: {bucket: pg-backups, region: eu-west-1, auth: {podIdentity: {}}}\n"+extra)
}

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
		annotations map[string]string
		defaults    map[string]map[string]string
		wantProfile string
		wantDenied  []string
	}{
		"the pod goes before its service account": {
			annotations: map[string]string{"lighterman.dev/profile": "pod"},
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
			annotations: map[string]string{"lighterman.dev/inject": "false"},
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
			source := &fakecluster.Source{Profiles: all, Defaults: test.defaults, Namespaces: map[string]map[string]string{"payments": {"team": "payments"}}}
			pod := &injector.Pod{Metadata: injector.Metadata{Annotations: test.annotations}}
			got, err := resolve.Profile(t.Context(), source, pod, "payments")
			if (err != nil) != (len(test.wantDenied) > 0) {
				t.Fatalf("got %v, want a denial with %q", err, test.wantDenied)
			}
			for _, want := range test.wantDenied {
				if _, denied := errors.AsType[*injector.DeniedError](err); !denied || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want a denial with %q", err, want)
				}
			}
			if name := describe(got.Profile); err == nil && name != test.wantProfile {
				t.Errorf("got %q, want %q", name, test.wantProfile)
			}
		})
	}
}

func describe(p *profile.Profile) string {
	if p == nil {
		return ""
	}
	return p.Kind + " " + p.String()
}
