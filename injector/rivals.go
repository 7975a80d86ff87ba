package injector

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// shutRivals returns entries that stand behind the container's own and keep out what an optional reference or envFrom may
// bring, so that programs take the profile's identity. It denies the pod where no entry can.
func (s scope) shutRivals(optional []string) ([]corev1.EnvVar, error) {
	if len(optional)+len(s.EnvFrom) == 0 {
		return nil, nil
	}
	var shut []corev1.EnvVar
	var open, programs []string
	for _, r := range s.rivals {
		isOptional := slices.Contains(optional, r.Name)
		if isOwn := s.own.find(r.Name) != nil; !isOptional && (isOwn || r.Exotic || !s.own.maySetFrom(r.Name)) {
			continue
		}
		if !r.CanShut(s.Tools) {
			open = append(open, r.Name)
			if !slices.Contains(programs, r.Setting) {
				programs = append(programs, r.Setting)
			}
			continue
		}
		shut = append(shut, corev1.EnvVar{Name: r.Name, Value: r.Shut})
	}
	if len(open) > 0 {
		return nil, s.denyOpenRivals(open, strings.Join(programs, " or "))
	}
	return shut, nil
}

// denyOpenRivals denies the pod in whose container variables that Lighterman cannot see may be taken before the profile's
// identity.
func (s scope) denyOpenRivals(names []string, program string) error {
	return Deny(ReasonAmbiguousIdentity, fmt.Sprintf(
		"%s: container %q takes variables from envFrom or by optional references, which Lighterman cannot see: %s would be taken before the identity of %s %s, and %s takes an empty variable for a setting, so they cannot be shut out: refer to each key that the container needs in env, set envFrom[].prefix, set them to \"\" in env where no program of the container does that, or list the container in %s",
		s.fieldPath(), s.Name, joinNames(names), s.profile.Kind, s.profile, program, AnnotationSkipContainers))
}
