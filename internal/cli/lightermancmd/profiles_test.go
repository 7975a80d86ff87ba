package lightermancmd

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/webhook/resolve"
)

// clusterFacts adds to the files what only a cluster knows.
type clusterFacts struct {
	profiles
	namespace resolve.Namespace
	account   map[string]string
}

func (c clusterFacts) Namespace(context.Context, string) (resolve.Namespace, error) {
	return c.namespace, nil
}

func (c clusterFacts) AccountAnnotations(context.Context, types.NamespacedName) (map[string]string, error) {
	return c.account, nil
}

// fileProfiles are the profiles that both sides are given.
const fileProfiles = `
apiVersion: lighterman.dev/v1alpha1
kind: CredentialProfile
metadata: {name: pg, namespace: payments}
spec: {s3: {bucket: backups, region: eu-west-1, auth: {ambient: {}}}}
---
apiVersion: lighterman.dev/v1alpha1
kind: CredentialProfile
metadata: {name: restricted, namespace: payments}
spec: {s3: {bucket: backups, region: eu-west-1, auth: {ambient: {}}}, allowedServiceAccounts: [backup]}
---
apiVersion: lighterman.dev/v1alpha1
kind: CredentialProfile
metadata: {name: elsewhere, namespace: shop}
spec: {s3: {bucket: backups, region: eu-west-1, auth: {ambient: {}}}, selector: {podSelector: {}}}
---
apiVersion: lighterman.dev/v1alpha1
kind: CredentialProfile
metadata: {name: by-label, namespace: payments}
spec: {s3: {bucket: backups, region: eu-west-1, auth: {ambient: {}}}, selector: {podSelector: {matchLabels: {app: pg}}}}
---
apiVersion: lighterman.dev/v1alpha1
kind: CredentialProfile
metadata: {name: by-label-and-account, namespace: payments}
spec: {s3: {bucket: backups, region: eu-west-1, auth: {ambient: {}}}, selector: {podSelector: {matchLabels: {app: pg}}, serviceAccounts: [backup]}}
---
apiVersion: lighterman.dev/v1alpha1
kind: ClusterCredentialProfile
metadata: {name: company}
spec: {s3: {bucket: backups, region: eu-west-1, auth: {ambient: {}}}, allowedNamespaces: {matchLabels: {team: payments}}, selector: {podSelector: {matchLabels: {app: redis}}}}
---
apiVersion: lighterman.dev/v1alpha1
kind: ClusterCredentialProfile
metadata: {name: others}
spec: {s3: {bucket: backups, region: eu-west-1, auth: {ambient: {}}}, allowedNamespaces: {matchLabels: {team: other}}, selector: {podSelector: {matchLabels: {app: redis}}}}
---
apiVersion: lighterman.dev/v1alpha1
kind: ClusterCredentialProfile
metadata: {name: closed}
spec: {s3: {bucket: backups, region: eu-west-1, auth: {ambient: {}}}}
`

// TestFilesAndClusterResolveAlike passes the same profiles, pod, namespace and service account to the Source of "lighterman
// inject" and to the webhook's.
func TestFilesAndClusterResolveAlike(t *testing.T) {
	t.Parallel()
	const own, clusterWide = injector.AnnotationProfile, injector.AnnotationClusterProfile
	type texts = map[string]string
	tests := map[string]struct {
		pod                    texts // annotations
		app, account           string
		ofNamespace, ofAccount texts  // default profiles of the namespace and the service account
		want                   string // kind and name, "opted out", or empty
		denied                 injector.Reason
		// ownDenial is set where the command refuses in words of its own, which name the files.
		ownDenial bool
	}{
		"no profile":                            {},
		"annotation":                            {pod: texts{own: "pg"}, want: "CredentialProfile payments/pg"},
		"annotation before selector":            {pod: texts{own: "pg"}, app: "pg", want: "CredentialProfile payments/pg"},
		"cluster profile":                       {pod: texts{clusterWide: "company"}, want: "ClusterCredentialProfile company"},
		"cluster profile for other namespaces":  {pod: texts{clusterWide: "others"}, denied: injector.ReasonNamespaceNotAllowed},
		"cluster profile for none":              {pod: texts{clusterWide: "closed"}, denied: injector.ReasonNamespaceNotAllowed},
		"both annotations":                      {pod: texts{own: "pg", clusterWide: "company"}, denied: injector.ReasonBothProfiles},
		"empty annotation":                      {pod: texts{own: ""}, denied: injector.ReasonInvalidAnnotation},
		"impossible name":                       {pod: texts{own: "../x"}, denied: injector.ReasonInvalidAnnotation},
		"missing profile":                       {pod: texts{own: "missing"}, denied: injector.ReasonUnknownProfile, ownDenial: true},
		"missing cluster profile":               {pod: texts{clusterWide: "pg"}, denied: injector.ReasonUnknownProfile, ownDenial: true},
		"profile of another namespace":          {pod: texts{own: "elsewhere"}, denied: injector.ReasonUnknownProfile, ownDenial: true},
		"service account not allowed":           {pod: texts{own: "restricted"}, denied: injector.ReasonServiceAccountNotAllowed},
		"service account allowed":               {pod: texts{own: "restricted"}, account: "backup", want: "CredentialProfile payments/restricted"},
		"selector":                              {app: "pg", want: "CredentialProfile payments/by-label"},
		"several selectors":                     {app: "pg", account: "backup", denied: injector.ReasonAmbiguousSelector},
		"selectors of cluster profiles":         {app: "redis", want: "ClusterCredentialProfile company"},
		"default of the namespace":              {ofNamespace: texts{own: "pg"}, want: "CredentialProfile payments/pg"},
		"default of the namespace, cluster":     {ofNamespace: texts{clusterWide: "company"}, want: "ClusterCredentialProfile company"},
		"default before selector":               {ofNamespace: texts{own: "pg"}, app: "pg", want: "CredentialProfile payments/pg"},
		"default of the service account":        {ofAccount: texts{own: "pg"}, ofNamespace: texts{clusterWide: "company"}, want: "CredentialProfile payments/pg"},
		"annotation before default":             {pod: texts{clusterWide: "company"}, ofAccount: texts{own: "pg"}, want: "ClusterCredentialProfile company"},
		"default that is not allowed":           {ofNamespace: texts{clusterWide: "others"}, denied: injector.ReasonNamespaceNotAllowed},
		"both defaults of the namespace":        {ofNamespace: texts{own: "pg", clusterWide: "company"}, denied: injector.ReasonBothProfiles},
		"opted out":                             {pod: texts{injector.AnnotationInject: "false", own: "missing"}, want: "opted out"},
		"opted out of a selector and a default": {pod: texts{injector.AnnotationInject: "false"}, app: "pg", ofNamespace: texts{own: "pg"}, want: "opted out"},
	}
	files, err := parseProfiles(t.Context(), []byte(fileProfiles))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			labels := texts{"team": "payments"}
			account := test.account
			if account == "" {
				account = "default"
			}
			pod := &injector.Pod{
				Metadata: injector.Metadata{Namespace: "payments", Annotations: test.pod, Labels: texts{"app": test.app}},
				Spec:     injector.PodSpec{ServiceAccountName: test.account},
			}
			cluster := clusterOf(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "payments", Labels: labels, Annotations: test.ofNamespace}},
				&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: account, Annotations: test.ofAccount}})
			inCluster, clusterErr := resolve.Profile(t.Context(), cluster, pod, "payments")
			inFiles, filesErr := resolve.Profile(t.Context(), clusterFacts{files, resolve.Namespace{Labels: labels, Annotations: test.ofNamespace}, test.ofAccount}, pod, "payments")

			denied, _ := errors.AsType[*injector.DeniedError](clusterErr)
			if clusterErr == nil && describe(inCluster) != test.want || (clusterErr != nil) != (test.denied != "") || denied != nil && denied.Reason != test.denied {
				t.Errorf("the webhook: %q, %v, want %q, denied for %q", describe(inCluster), clusterErr, test.want, test.denied)
			}
			if describe(inFiles) != describe(inCluster) || (filesErr == nil) != (clusterErr == nil) {
				t.Errorf("the command: %q, %v; the webhook: %q, %v", describe(inFiles), filesErr, describe(inCluster), clusterErr)
			}
			if filesErr != nil && !test.ownDenial && filesErr.Error() != clusterErr.Error() {
				t.Errorf("the command: %v\nthe webhook: %v", filesErr, clusterErr)
			}
			if test.ownDenial && !strings.Contains(filesErr.Error(), "the files of --profile hold") {
				t.Errorf("the command: %v", filesErr)
			}
		})
	}
}

func describe(r resolve.Resolution) string {
	switch {
	case r.OptedOut:
		return "opted out"
	case r.Profile == nil:
		return ""
	}
	return r.Profile.Kind + " " + r.Profile.String()
}

// clusterOf returns the webhook's Source over an API server with the profiles and objects.
func clusterOf(t *testing.T, objects ...client.Object) resolve.Source {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(v1alpha1.AddToScheme(scheme), corev1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	for text := range strings.SplitSeq(fileProfiles, "---\n") {
		var object client.Object = &v1alpha1.CredentialProfile{}
		if strings.Contains(text, "kind: "+v1alpha1.KindClusterCredentialProfile+"\n") {
			object = &v1alpha1.ClusterCredentialProfile{}
		}
		if err := yaml.UnmarshalStrict([]byte(text), object); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, object)
	}
	apiServer := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
	return resolve.NewLive(apiServer, func(ctx context.Context, name types.NamespacedName) (map[string]string, error) {
		var account corev1.ServiceAccount
		if err := apiServer.Get(ctx, name, &account); err != nil {
			return nil, resolve.NotFound(err)
		}
		return account.Annotations, nil
	})
}
