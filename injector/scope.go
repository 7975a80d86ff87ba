package injector

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/profile"
)

// scope is where one container is decided on: what the profile wants, the container, and where warnings go.
type scope struct {
	*desired
	*target
	*warnings
}

// warnGroup warns of a group that the container keeps for itself, where the profile has variables of it.
func (s scope) warnGroup(name string, g profile.Group) {
	for i := range s.Vars {
		if s.Vars[i].Groups&g != 0 {
			s.warnKept(name, g)
			return
		}
	}
	if s.Mode.IsPodScoped && g&(s.Store.IdentityGroup|profile.GroupGoogleMetadata|profile.GroupGoogleSwitch) != 0 {
		s.warn("container %q sets %s itself, and so it may not get the identity of the pod, which %s %s counts on: remove the variable, or list the container in %s",
			s.Name, name, s.profile.Kind, s.profile, AnnotationSkipContainers)
	}
}

// warnKept warns of a group that the container keeps for itself.
func (s scope) warnKept(name string, g profile.Group) {
	s.warn("container %q sets %s itself, so Lighterman does not inject %s of %s %s there: remove the variable, or list the container in %s%s",
		s.Name, name, g, s.profile.Kind, s.profile, AnnotationSkipContainers, g.Cure())
}

// warnElsewhere warns of a container that asks another host than the profile's, and so gets no identity.
func (s scope) warnElsewhere(name string) {
	s.warn("container %q sets %s, by which programs ask another host than those of %s %s, and would send it the profile's credentials, so Lighterman does not inject them there: remove the variable, set credentials of that host in env too, or list the container in %s",
		s.Name, name, s.profile.Kind, s.profile, AnnotationSkipContainers)
}

// warnEnvFrom warns of the variables that the container takes from envFrom; kept: it keeps an identity of its own.
func (s scope) warnEnvFrom(shut []corev1.EnvVar, kept bool) {
	if len(s.EnvFrom) == 0 {
		return
	}
	whose, cure := "", ""
	switch {
	case kept:
	case s.Mode.KeepsAmbientIdentity && !s.Mode.IsPodScoped:
		whose = ", and programs take credentials from there before the identity that the cluster gives the pod"
	case len(shut) > 0:
		whose = fmt.Sprintf(", and %s set to shut out those from there: programs take the identity of %s %s", namesWithVerb(shut), s.profile.Kind, s.profile)
		cure = "; to use credentials from there, list the container in " + AnnotationSkipContainers
	default:
		whose = fmt.Sprintf(", and programs take the identity of %s %s", s.profile.Kind, s.profile)
		cure = "; to use credentials from there, list the container in " + AnnotationSkipContainers
	}
	s.warn("container %q takes variables from envFrom, which Lighterman cannot see: an injected variable hides one of its name%s%s",
		s.Name, whose, cure)
}

// warnOptional warns of optional references behind which the profile's identity stands.
func (s scope) warnOptional(names []string, shut []corev1.EnvVar) {
	if len(names) == 0 {
		return
	}
	var left []string
	for _, name := range names {
		if !s.injects(name) && !slices.ContainsFunc(shut, func(e corev1.EnvVar) bool { return e.Name == name }) {
			left = append(left, name)
		}
	}
	rest := ""
	if len(left) > 0 {
		rest = fmt.Sprintf("; %s stays, and makes no identity by itself", joinNames(left))
	}
	s.warn("container %q has only optional references in %s, so programs take the credentials of %s %s, which stand behind them%s: for the container's own make the references required, or list the container in %s",
		s.Name, joinNames(names), s.profile.Kind, s.profile, rest, AnnotationSkipContainers)
}

// warnEmpty warns of a variable that the container sets to nothing, and that a program takes for a setting.
func (s scope) warnEmpty() {
	for i := range s.own.list {
		v := &s.own.list[i]
		if v.is.isPossible() || profile.GroupOf(v.name)&s.Store.IdentityGroup == 0 {
			continue
		}
		for _, r := range s.rivals {
			if r.Name == v.name && !r.CanShut(s.Tools) {
				s.warn("container %q sets %s to an empty value, and %s takes that for a setting: remove the variable if the container runs it",
					s.Name, v.name, r.Setting)
			}
		}
	}
}

// namesWithVerb lists variables for people, as the subject of a sentence.
func namesWithVerb(vars []corev1.EnvVar) string {
	names := make([]string, len(vars))
	for i := range vars {
		names[i] = vars[i].Name
	}
	if len(names) == 1 {
		return names[0] + " is"
	}
	return joinNames(names) + " are"
}

// joinNames lists variables for people.
func joinNames(names []string) string { return strings.Join(names, ", ") }
