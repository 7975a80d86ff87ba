package resolve

import (
	"context"
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

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

// Namespace is what a Source knows of a namespace.
type Namespace struct {
	// Unknown is set by a Source that cannot read namespaces: every cluster profile then counts as allowed there.
	Unknown bool
	Labels  map[string]string
	// Annotations are those that name a default profile.
	Annotations map[string]string
}
