package injector

import (
	"fmt"
	"slices"

	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/profile"
)

// AmbiguousSelector denies a pod that falls under the selectors of several profiles.
func AmbiguousSelector(profiles []*profile.Profile) *DeniedError {
	names := make([]string, len(profiles))
	for i, p := range profiles {
		names[i] = p.Kind + " " + p.String()
	}
	slices.Sort(names)
	return Deny(ReasonAmbiguousSelector, fmt.Sprintf(
		"the selectors of several profiles match the pod: %s: narrow spec.selector, or name one profile in the pod's annotation %s or %s",
		message.List(names), AnnotationProfile, AnnotationClusterProfile))
}

// Selects reports whether the pod falls under the profile's selector.
func Selects(profile *profile.Profile, pod *Pod) bool {
	return profile.Selects(pod.Metadata.Labels, pod.ServiceAccount())
}
