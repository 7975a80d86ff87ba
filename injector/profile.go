package injector

import (
	"fmt"
	"slices"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/internal/message"
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

// CheckServiceAccount denies a pod whose service account the profile does not allow.
func CheckServiceAccount(pod *Pod, profile *Profile) error {
	return AllowsServiceAccount(profile, pod.ServiceAccount())
}

// AllowsServiceAccount denies a service account that the profile does not allow.
func AllowsServiceAccount(profile *Profile, account string) error {
	accounts := profile.Spec.AllowedServiceAccounts
	if len(accounts) == 0 || slices.Contains(accounts, account) {
		return nil
	}
	return Deny(ReasonServiceAccountNotAllowed, fmt.Sprintf(
		"%s %s does not allow service account %s: run the pod as one of %s, or have it added to spec.allowedServiceAccounts",
		profile.Kind, profile, message.Value(account), message.List(accounts)))
}

// Store is the store as a URL, for people; empty when the spec has none.
func Store(spec *v1alpha1.CredentialProfileSpec) string {
	s := storeOf(spec)
	if s == nil {
		return ""
	}
	bucket, prefix := s.place(spec)
	if prefix == "" {
		return fmt.Sprintf("%s://%s", s.scheme, bucket)
	}
	return fmt.Sprintf("%s://%s/%s", s.scheme, bucket, prefix)
}

// AuthMode is the name of the spec's auth mode as the API writes it; empty when there is none that this version
// supports.
func AuthMode(spec *v1alpha1.CredentialProfileSpec) string {
	if s := storeOf(spec); s != nil {
		if mode := s.mode(spec); mode != nil {
			return mode.name
		}
	}
	return ""
}
