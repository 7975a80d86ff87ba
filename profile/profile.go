package profile

import (
	"fmt"
	"slices"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// Profile is a profile of either kind.
type Profile struct {
	// Kind is v1alpha1.KindCredentialProfile or v1alpha1.KindClusterCredentialProfile.
	Kind string
	// Namespace is empty for a cluster profile.
	Namespace  string
	Name       string
	UID        string
	Generation int64
	Spec       *v1alpha1.CredentialProfileSpec
}

// String is the profile's name as users write it: namespace/name, or name.
func (p *Profile) String() string {
	if p.Namespace == "" {
		return p.Name
	}
	return p.Namespace + "/" + p.Name
}

// AllowsServiceAccount reports whether the pods of a service account may use the profile.
func (p *Profile) AllowsServiceAccount(account string) bool {
	allowed := p.Spec.AllowedServiceAccounts
	return len(allowed) == 0 || slices.Contains(allowed, account)
}

// URL returns the store as a URL, for people; empty when the spec has none.
func URL(spec *v1alpha1.CredentialProfileSpec) string {
	s := storeOf(spec)
	if s == nil {
		return ""
	}
	bucket, prefix := s.Location(spec)
	if prefix == "" {
		return fmt.Sprintf("%s://%s", s.scheme, bucket)
	}
	return fmt.Sprintf("%s://%s/%s", s.scheme, bucket, prefix)
}

// AuthMode is the name of the spec's auth mode as the API writes it; empty when there is none that this version
// supports.
func AuthMode(spec *v1alpha1.CredentialProfileSpec) string {
	if s := storeOf(spec); s != nil {
		if mode := s.modeOf(spec); mode != nil {
			return mode.Name
		}
	}
	return ""
}
