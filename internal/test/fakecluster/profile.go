package fakecluster

import (
	"fmt"
	"testing"

	"lighterman.dev/lighterman/api/v1alpha1"
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
	text := fmt.Appendf(nil, "apiVersion: %s\nkind: %s\nmetadata: {name: %s, namespace: %q}\nspec:\n%s",
		v1alpha1.GroupVersion, kind, name, namespace, spec)
	scoped, err := resolve.Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	return *scoped
}
