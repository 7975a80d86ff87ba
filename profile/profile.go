package profile

import (
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
