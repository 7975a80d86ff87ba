package webhook

import (
	"context"
	"errors"

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
	// accounts are nil where Lighterman may not read service accounts; cached says that a cache is asked first.
	accounts Accounts
	cached   bool
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

func (f *finder) Namespace(ctx context.Context, name string) (Namespace, error) {
	found := namespaceMetadata()
	if err := f.get(ctx, types.NamespacedName{Name: name}, found); err != nil {
		return Namespace{}, err
	}
	return Namespace{Labels: found.Labels, Annotations: found.Annotations}, nil
}

// AccountAnnotations asks the API server where the cache does not know the account: it was created with the pod, or the
// cache is not filled yet. The API server has admitted the pod for that account, so there is one, and one look is enough.
func (f *finder) AccountAnnotations(ctx context.Context, account types.NamespacedName) (map[string]string, error) {
	if f.accounts == nil {
		return nil, nil
	}
	if f.cached {
		if found, err := f.accounts.Cached(ctx, account); !errors.Is(err, ErrNotFound) {
			return found, err
		}
	}
	found, err := f.accounts.Live(ctx, account)
	if err != nil {
		return nil, err
	}
	return found.Annotations, nil
}

// withoutLive returns a finder that never asks the API server. A service account that the cache does not know is a denial
// then: its default profile is not known.
func (f *finder) withoutLive() *finder {
	only := *f
	if f.accounts != nil {
		only.accounts = cachedAccounts{f.accounts}
	}
	return &only
}

// cachedAccounts knows the accounts of the cache alone.
type cachedAccounts struct{ Accounts }

// Live denies the pod: who asks is not known.
func (cachedAccounts) Live(_ context.Context, account types.NamespacedName) (*Account, error) {
	return nil, notKnownYet(account)
}

// Apply writes nothing.
func (cachedAccounts) Apply(context.Context, *Account, map[string]string, bool) error {
	return errors.New("a review whose sender is not proven writes nothing")
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
