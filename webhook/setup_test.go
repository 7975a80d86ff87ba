package webhook

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestHasClusterTrustBundles(t *testing.T) {
	for version, want := range map[string]bool{"v1": true, "v1beta1": true, "v1alpha1": false, "": false} {
		mapper := meta.NewDefaultRESTMapper(nil)
		if version != "" {
			mapper.Add(schema.GroupVersionKind{Group: "certificates.k8s.io", Version: version, Kind: "ClusterTrustBundle"},
				meta.RESTScopeRoot)
		}
		if got, err := hasClusterTrustBundles(mapper); err != nil || got != want {
			t.Errorf("served as %q: %v, %v, want %v", version, got, err, want)
		}
	}
}
