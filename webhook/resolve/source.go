package resolve

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/profile"
)

// Source reads what decides which profile a pod gets.
type Source interface {
	// Profile returns the profile that ref names to pods of the namespace, or ErrNotFound. Other errors reach the user as
	// they are, so they name the profile.
	Profile(ctx context.Context, ref Ref, namespace string) (*ScopedProfile, error)
	// ListWithSelector returns the profiles that have a selector and that pods of the namespace may match.
	ListWithSelector(ctx context.Context, namespace string) ([]ScopedProfile, error)
	// Namespace returns what decides about the pods of a namespace, or ErrNotFound.
	Namespace(ctx context.Context, name string) (Namespace, error)
	// AccountAnnotations returns those annotations of a service account that name a default profile, or ErrNotFound. It
	// returns none where Lighterman may not read service accounts.
	AccountAnnotations(ctx context.Context, account types.NamespacedName) (map[string]string, error)
}

// ErrNotFound is returned by a Source for an object that does not exist.
var ErrNotFound = errors.New("not found")

// ScopedProfile is a profile, and the namespaces that may use it.
type ScopedProfile struct {
	*profile.Profile
	// AllowedNamespaces is set for cluster profiles only; nil or empty allows none.
	AllowedNamespaces *metav1.LabelSelector
}

// Parse reads a profile of either kind from YAML or JSON. A field that the API does not have is an error.
func Parse(data []byte) (*ScopedProfile, error) {
	p, err := profile.Parse(data)
	if err != nil {
		return nil, err
	}
	if p.Kind != v1alpha1.KindClusterCredentialProfile {
		return &ScopedProfile{Profile: p}, nil
	}
	var cluster v1alpha1.ClusterCredentialProfile
	if err := yaml.Unmarshal(data, &cluster); err != nil {
		return nil, fmt.Errorf("read profile: %w", err)
	}
	return &ScopedProfile{Profile: p, AllowedNamespaces: cluster.Spec.AllowedNamespaces}, nil
}

// Namespace is what a Source knows of a namespace.
type Namespace struct {
	// Unknown is set by a Source that cannot read namespaces: every cluster profile then counts as allowed there.
	Unknown bool
	Labels  map[string]string
	// Annotations are those that name a default profile.
	Annotations map[string]string
}
