package fakecluster

import (
	"context"
	"maps"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/types"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/webhook/resolve"
)

// Source is a resolve.Source over values.
type Source struct {
	Profiles []resolve.ScopedProfile
	// Namespaces are labels by the name of a namespace, besides the one by which every namespace is opted in.
	Namespaces map[string]map[string]string
	// NoNamespaces is set where no namespace exists.
	NoNamespaces bool
	// Defaults are the annotations of namespaces, by name, and of service accounts, by namespace/name.
	Defaults map[string]map[string]string
	// Err is returned beside whatever is found.
	Err error
	// Reads counts how often a profile was asked for.
	Reads atomic.Int64
}

var _ resolve.Source = (*Source)(nil)

// Profile returns a profile of Profiles.
func (s *Source) Profile(_ context.Context, ref resolve.Ref, namespace string) (*resolve.ScopedProfile, error) {
	s.Reads.Add(1)
	for i := range s.Profiles {
		p := &s.Profiles[i]
		if p.Kind == ref.Kind && p.Name == ref.Name && (p.Namespace == "" || p.Namespace == namespace) {
			return p, s.Err
		}
	}
	if s.Err != nil {
		return nil, s.Err
	}
	return nil, resolve.ErrNotFound
}

// ListWithSelector returns the profiles that have a selector.
func (s *Source) ListWithSelector(_ context.Context, namespace string) ([]resolve.ScopedProfile, error) {
	var found []resolve.ScopedProfile
	for _, p := range s.Profiles {
		if p.Spec.Selector != nil && (p.Namespace == "" || p.Namespace == namespace) {
			found = append(found, p)
		}
	}
	return found, s.Err
}

// Namespace returns a namespace that is labelled "selected", unless Namespaces has another label.
func (s *Source) Namespace(_ context.Context, name string) (resolve.Namespace, error) {
	if s.NoNamespaces {
		return resolve.Namespace{}, resolve.ErrNotFound
	}
	labels := map[string]string{injector.NamespaceLabel: injector.InjectionSelected}
	maps.Copy(labels, s.Namespaces[name])
	return resolve.Namespace{Labels: labels, Annotations: s.Defaults[name]}, nil
}

// AccountAnnotations returns the annotations of Defaults.
func (s *Source) AccountAnnotations(_ context.Context, account types.NamespacedName) (map[string]string, error) {
	return s.Defaults[account.String()], s.Err
}
