package injector

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// warnSharing warns of an archive that the workloads of the profile share, where a container is told to use it.
func (s podScope) warnSharing(given []containerAdditions) {
	text := s.SharingWarning(s.profile.Kind == v1alpha1.KindClusterCredentialProfile)
	if text != "" && slices.ContainsFunc(given, s.namesArchive) {
		s.warn("%s %s: %s", s.profile.Kind, s.profile, text)
	}
}

// namesArchive reports whether the container gets a variable with the place of a tool's archive.
func (s podScope) namesArchive(c containerAdditions) bool {
	isArchive := func(v *corev1.EnvVar) bool {
		at, injected := s.byName[v.Name]
		return injected && s.Vars[at].NamesArchive
	}
	for i := range c.front {
		if isArchive(&c.front[i]) {
			return true
		}
	}
	for i := range c.behind {
		if isArchive(&c.behind[i]) {
			return true
		}
	}
	return slices.ContainsFunc(c.fills, func(f filling) bool { return isArchive(f.env) })
}
