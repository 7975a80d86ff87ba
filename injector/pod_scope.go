package injector

import (
	"cmp"
	"slices"

	"lighterman.dev/lighterman/profile"
)

// podScope is where a pod as a whole is decided on: what the profile wants, the pod, and where warnings go.
type podScope struct {
	*desired
	*warnings
	// pod is without what an earlier pass of another plan wrote.
	pod *Pod
}

// warnProfile warns of what the profile leaves to an assumption.
func (s podScope) warnProfile() {
	for _, text := range s.Warnings() {
		s.warn("%s %s: %s", s.profile.Kind, s.profile, text)
	}
}

// warnTokenService warns of a private bundle that also has to vouch for a public token service.
func (s podScope) warnTokenService() {
	if s.Mode.TokenService == nil || !s.replacesCA() {
		return
	}
	if name, cure := s.Mode.TokenService(s.Spec); name != "" {
		s.warn("spec.caBundle of %s %s also replaces the roots by which %s is checked: %s", s.profile.Kind, s.profile, name,
			cure)
	}
}

// warnHostNetwork warns where the metadata server knows the node, and not the pod.
func (s podScope) warnHostNetwork() {
	if s.Mode.IsPodScoped && s.pod.Spec.HostNetwork {
		s.warn("the pod has hostNetwork: true, and there GKE's metadata server gives the identity of the node: use workloadIdentityFederation in %s %s, or leave hostNetwork out",
			s.profile.Kind, s.profile)
	}
}

// warnServiceAccount warns of annotations that the pod's service account needs, where Lighterman cannot see them.
func (s podScope) warnServiceAccount(settings *Settings) {
	want, write := s.ServiceAccountAnnotations()
	if settings.NoServiceAccountAnnotations && !write && len(want) > 0 {
		s.warn("Lighterman cannot see service accounts here: the pod has no identity unless this was run: %s",
			profile.AnnotateCommand(namespaceOf(s.pod, s.profile), s.pod.ServiceAccount(), want))
	}
}

// warnSharedProcesses warns where the walls between the containers do not hold: processes of one user may look at each
// other's environment and files under /proc.
func (s podScope) warnSharedProcesses(targets []target) {
	shared := s.pod.Spec.ShareProcessNamespace
	if shared == nil || !*shared || !slices.ContainsFunc(targets, func(t target) bool { return !t.recipient }) {
		return
	}
	s.warn("the pod has shareProcessNamespace: true, so a container that runs as root or as the uploader's user can read the uploader's credentials: leave shareProcessNamespace out")
}

// namespaceOf returns the pod's namespace, as far as it is known.
func namespaceOf(pod *Pod, profile *profile.Profile) string {
	return cmp.Or(pod.Metadata.Namespace, profile.Namespace)
}
