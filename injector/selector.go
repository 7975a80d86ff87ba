package injector

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"lighterman.dev/lighterman/internal/message"
)

// Selects reports whether the pod falls under the profile's selector. An empty selector selects nothing, and so does one
// that cannot be evaluated: the profile's status says so. Which namespaces may use the profile is not looked at.
func Selects(profile *Profile, pod *Pod) bool {
	s := profile.Spec.Selector
	if s == nil || (s.PodSelector == nil && len(s.ServiceAccounts) == 0) {
		return false
	}
	if len(s.ServiceAccounts) > 0 && !slices.Contains(s.ServiceAccounts, pod.ServiceAccount()) {
		return false
	}
	if s.PodSelector == nil {
		return true
	}
	selector, err := metav1.LabelSelectorAsSelector(s.PodSelector)
	return err == nil && selector.Matches(labels.Set(pod.Metadata.Labels))
}

// AmbiguousSelector denies a pod that falls under the selectors of several profiles.
func AmbiguousSelector(profiles []*Profile) *DeniedError {
	names := make([]string, len(profiles))
	for i, p := range profiles {
		names[i] = p.Kind + " " + p.String()
	}
	slices.Sort(names)
	return Deny(ReasonAmbiguousSelector, fmt.Sprintf(
		"the selectors of several profiles match the pod: %s: narrow spec.selector, or name one profile in the pod's annotation %s or %s",
		message.List(names), AnnotationProfile, AnnotationClusterProfile))
}
