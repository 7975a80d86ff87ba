package profile

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Selects reports whether pods with the labels and the service account fall under the profile's selector. An empty selector
// selects nothing, and so does one that cannot be evaluated: Check finds it. Selects does not look at which namespaces may
// use the profile.
func (p *Profile) Selects(podLabels map[string]string, serviceAccount string) bool {
	s := p.Spec.Selector
	if s == nil || (s.PodSelector == nil && len(s.ServiceAccounts) == 0) {
		return false
	}
	if len(s.ServiceAccounts) > 0 && !slices.Contains(s.ServiceAccounts, serviceAccount) {
		return false
	}
	if s.PodSelector == nil {
		return true
	}
	selector, err := metav1.LabelSelectorAsSelector(s.PodSelector)
	return err == nil && selector.Matches(labels.Set(podLabels))
}
