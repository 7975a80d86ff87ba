package fakecluster

import (
	"fmt"
	"testing"

	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/resolve"
)

// Namespace is that of the namespaced profiles.
const Namespace = "payments"

// Profile returns a profile with the given YAML below spec.
func Profile(tb testing.TB, kind, name, spec string) resolve.ScopedProfile {
	tb.Helper()
	namespace := Namespace
	if kind == v1alpha1.KindClusterCredentialProfile {
		namespace = ""
	}
	text := fmt.Appendf(nil, "apiVersion: %s\nkind: %s\nmetadata: {name: %s, namespace: %q}\nspec:\n%s", v1alpha1.GroupVersion, kind, name, namespace, spec)
	profile, err := profile.Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	scoped := resolve.ScopedProfile{Profile: profile}
	if kind == v1alpha1.KindClusterCredentialProfile {
		var full v1alpha1.ClusterCredentialProfile
		if err := yaml.Unmarshal(text, &full); err != nil {
			tb.Fatal(err)
		}
		scoped.AllowedNamespaces = full.Spec.AllowedNamespaces
	}
	return scoped
}
