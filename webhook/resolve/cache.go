package resolve

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// selectorIndex is the index of the profiles that have a selector.
const selectorIndex = "lighterman.selecting"

// CachedObjects returns one object of each type that NewCached reads.
func CachedObjects() []client.Object {
	return []client.Object{&v1alpha1.CredentialProfile{}, &v1alpha1.ClusterCredentialProfile{}, NamespaceMetadata()}
}

// CacheOptions returns what the caches keep: profiles without their managed fields, and of a namespace its name, its
// labels and its default profile. The caches hand out their objects without a copy.
func CacheOptions() map[client.Object]cache.ByObject {
	shared := true
	profiles := cache.ByObject{Transform: cache.TransformStripManagedFields(), UnsafeDisableDeepCopy: &shared}
	return map[client.Object]cache.ByObject{
		NamespaceMetadata():                  {Transform: stripNamespace, UnsafeDisableDeepCopy: &shared},
		&v1alpha1.CredentialProfile{}:        profiles,
		&v1alpha1.ClusterCredentialProfile{}: profiles,
	}
}

func stripNamespace(object any) (any, error) {
	if o, ok := object.(client.Object); ok {
		o.SetManagedFields(nil)
		o.SetAnnotations(PickAnnotations(o.GetAnnotations(), DefaultAnnotations))
		o.SetOwnerReferences(nil)
		o.SetFinalizers(nil)
	}
	return object, nil
}

// PickAnnotations returns the annotations with the given keys; nil where there are none.
func PickAnnotations(annotations map[string]string, keys []string) map[string]string {
	var picked map[string]string
	for _, key := range keys {
		if value, ok := annotations[key]; ok {
			if picked == nil {
				picked = make(map[string]string, 2)
			}
			picked[key] = value
		}
	}
	return picked
}

// IndexSelectors makes the caches find the profiles that have a selector.
func IndexSelectors(ctx context.Context, indexer client.FieldIndexer) error {
	hasSelector := func(object client.Object) []string {
		if selectorOf(object) != nil {
			return []string{"true"}
		}
		return nil
	}
	for _, object := range []client.Object{&v1alpha1.CredentialProfile{}, &v1alpha1.ClusterCredentialProfile{}} {
		if err := indexer.IndexField(ctx, object, selectorIndex, hasSelector); err != nil {
			return fmt.Errorf("index the profiles' selectors: %w", err)
		}
	}
	return nil
}

func selectorOf(object client.Object) *v1alpha1.PodSelector {
	switch o := object.(type) {
	case *v1alpha1.CredentialProfile:
		return o.Spec.Selector
	case *v1alpha1.ClusterCredentialProfile:
		return o.Spec.Selector
	}
	return nil
}
