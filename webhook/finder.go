package webhook

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
)

// finder reads profiles and namespaces through a client: that of the caches, or that of the API server. Objects from
// the caches are shared, so nothing here writes to them.
type finder struct {
	reader client.Reader
	// list narrows the search for profiles with a selector, where the reader has an index for it.
	list []client.ListOption
}

var _ Finder = (*finder)(nil)

func (f *finder) Profile(ctx context.Context, ref injector.Ref, namespace string) (*Candidate, error) {
	if ref.Kind == v1alpha1.KindClusterCredentialProfile {
		var profile v1alpha1.ClusterCredentialProfile
		if err := f.get(ctx, types.NamespacedName{Name: ref.Name}, &profile); err != nil {
			return nil, err
		}
		return clusterCandidate(&profile), nil
	}
	var profile v1alpha1.CredentialProfile
	if err := f.get(ctx, types.NamespacedName{Namespace: namespace, Name: ref.Name}, &profile); err != nil {
		return nil, err
	}
	return &Candidate{Profile: injector.FromProfile(&profile)}, nil
}

func (f *finder) Selecting(ctx context.Context, namespace string) ([]Candidate, error) {
	var own v1alpha1.CredentialProfileList
	if err := f.reader.List(ctx, &own, append(f.list, client.InNamespace(namespace))...); err != nil {
		return nil, err
	}
	var cluster v1alpha1.ClusterCredentialProfileList
	if err := f.reader.List(ctx, &cluster, f.list...); err != nil {
		return nil, err
	}
	candidates := make([]Candidate, 0, len(own.Items)+len(cluster.Items))
	for i := range own.Items {
		candidates = append(candidates, Candidate{Profile: injector.FromProfile(&own.Items[i])})
	}
	for i := range cluster.Items {
		candidates = append(candidates, *clusterCandidate(&cluster.Items[i]))
	}
	return candidates, nil
}

func (f *finder) NamespaceLabels(ctx context.Context, namespace string) (map[string]string, error) {
	found := namespaceMetadata()
	if err := f.get(ctx, types.NamespacedName{Name: namespace}, found); err != nil {
		return nil, err
	}
	return found.Labels, nil
}

func (f *finder) get(ctx context.Context, key types.NamespacedName, object client.Object) error {
	return notFound(f.reader.Get(ctx, key, object))
}

func clusterCandidate(p *v1alpha1.ClusterCredentialProfile) *Candidate {
	return &Candidate{Profile: injector.FromClusterProfile(p), AllowedNamespaces: p.Spec.AllowedNamespaces}
}

// namespaceMetadata is the type by which namespaces are cached and read: their metadata alone.
func namespaceMetadata() *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{
		TypeMeta: metav1.TypeMeta{APIVersion: corev1.SchemeGroupVersion.String(), Kind: "Namespace"},
	}
}
