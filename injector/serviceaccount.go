package injector

import (
	"cmp"
	"fmt"

	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/profile"
)

// CheckServiceAccount denies a pod whose service account the profile does not allow.
func CheckServiceAccount(pod *Pod, profile *profile.Profile) error {
	return AllowsServiceAccount(profile, pod.ServiceAccount())
}

// AllowsServiceAccount denies a service account that the profile does not allow.
func AllowsServiceAccount(profile *profile.Profile, account string) error {
	if profile.AllowsServiceAccount(account) {
		return nil
	}
	return Deny(ReasonServiceAccountNotAllowed, fmt.Sprintf(
		"%s %s does not allow service account %s: run the pod as one of %s, or have it added to spec.allowedServiceAccounts",
		profile.Kind, profile, message.Value(account), message.List(profile.Spec.AllowedServiceAccounts)))
}

// warnUnseen tells of annotations that the pod needs, and that Lighterman cannot see.
func (p *plan) warnUnseen() {
	want, write := profile.ServiceAccountAnnotations(p.Spec)
	if p.settings.NoServiceAccountAnnotations && !write && len(want) > 0 {
		p.warn("Lighterman cannot see service accounts here: the pod has no identity unless this was run: %s",
			profile.AnnotateCommand(namespaceOf(p.pod, p.profile), p.pod.ServiceAccount(), want))
	}
}

// namespaceOf gives the pod's namespace, as far as it is known.
func namespaceOf(pod *Pod, profile *profile.Profile) string {
	return cmp.Or(pod.Metadata.Namespace, profile.Namespace)
}
