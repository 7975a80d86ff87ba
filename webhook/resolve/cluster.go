package resolve

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/profile"
)

// AccountReader returns the annotations of a service account that name a default profile, or ErrNotFound.
type AccountReader func(ctx context.Context, account types.NamespacedName) (map[string]string, error)

// Cluster is a Source that reads through a client: that of the informers' caches, or that of the API server. Objects from
// the caches are shared, so a Cluster never writes to them.
type Cluster struct {
	reader client.Reader
	// withSelector narrows a list to the profiles with a selector, where the reader has an index for it.
	withSelector []client.ListOption
	accounts     AccountReader
}

var _ Source = (*Cluster)(nil)

// NewCached returns a Source over caches for which IndexSelectors was called. accounts is nil where Lighterman may not
// read service accounts.
func NewCached(cache client.Reader, accounts AccountReader) *Cluster {
	return &Cluster{
		reader: cache, accounts: accounts, withSelector: []client.ListOption{client.MatchingFields{selectorIndex: "true"}},
	}
}

// NewLive returns a Source over the API server. accounts is nil where Lighterman may not read service accounts.
func NewLive(apiServer client.Reader, accounts AccountReader) *Cluster {
	return &Cluster{reader: apiServer, accounts: accounts}
}

// Profile returns the profile that ref names to pods of the namespace.
func (c *Cluster) Profile(ctx context.Context, ref Ref, namespace string) (*ScopedProfile, error) {
	if ref.Kind == v1alpha1.KindClusterCredentialProfile {
		var p v1alpha1.ClusterCredentialProfile
		if err := c.reader.Get(ctx, types.NamespacedName{Name: ref.Name}, &p); err != nil {
			return nil, profileError(ref, err)
		}
		return scopeClusterProfile(&p), nil
	}
	var p v1alpha1.CredentialProfile
	if err := c.reader.Get(ctx, types.NamespacedName{Namespace: namespace, Name: ref.Name}, &p); err != nil {
		return nil, profileError(ref, err)
	}
	return &ScopedProfile{Profile: profile.New(&p)}, nil
}

// ListWithSelector returns the namespace's own profiles and the cluster profiles.
func (c *Cluster) ListWithSelector(ctx context.Context, namespace string) ([]ScopedProfile, error) {
	var own v1alpha1.CredentialProfileList
	if err := c.reader.List(ctx, &own, append(c.withSelector, client.InNamespace(namespace))...); err != nil {
		return nil, err
	}
	var cluster v1alpha1.ClusterCredentialProfileList
	if err := c.reader.List(ctx, &cluster, c.withSelector...); err != nil {
		return nil, err
	}
	profiles := make([]ScopedProfile, 0, len(own.Items)+len(cluster.Items))
	for i := range own.Items {
		profiles = append(profiles, ScopedProfile{Profile: profile.New(&own.Items[i])})
	}
	for i := range cluster.Items {
		profiles = append(profiles, *scopeClusterProfile(&cluster.Items[i]))
	}
	return profiles, nil
}

// Namespace returns the labels and annotations of a namespace.
func (c *Cluster) Namespace(ctx context.Context, name string) (Namespace, error) {
	found := NamespaceMetadata()
	if err := c.reader.Get(ctx, types.NamespacedName{Name: name}, found); err != nil {
		return Namespace{}, NotFound(err)
	}
	return Namespace{Labels: found.Labels, Annotations: found.Annotations}, nil
}

// AccountAnnotations returns the annotations of a service account.
func (c *Cluster) AccountAnnotations(ctx context.Context, account types.NamespacedName) (map[string]string, error) {
	if c.accounts == nil {
		return nil, nil
	}
	return c.accounts(ctx, account)
}

func profileError(ref Ref, err error) error {
	if apierrors.IsNotFound(err) {
		return ErrNotFound
	}
	return fmt.Errorf("find %s %s: %w", ref.Kind, ref.Name, err)
}

// NotFound returns ErrNotFound for the API server's error of that meaning, and any other error as it is.
func NotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return ErrNotFound
	}
	return err
}

func scopeClusterProfile(p *v1alpha1.ClusterCredentialProfile) *ScopedProfile {
	return &ScopedProfile{Profile: profile.NewCluster(p), AllowedNamespaces: p.Spec.AllowedNamespaces}
}

// NamespaceMetadata returns an empty namespace of the type by which namespaces are cached and read: their metadata alone.
func NamespaceMetadata() *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{
		TypeMeta: metav1.TypeMeta{APIVersion: corev1.SchemeGroupVersion.String(), Kind: "Namespace"},
	}
}
