package injector

import (
	"fmt"
	"slices"
	"strings"

	"lighterman.dev/lighterman/profile"
)

// checkLaundered denies the pod whose container gets an identity that its image does not pass on to the backup tool, which would
// then act as the node. taken are the groups that the container keeps for itself.
func (s scope) checkLaundered(taken profile.Group) error {
	if taken&s.Store.IdentityGroup != 0 {
		return nil
	}
	sets := func(name string) bool {
		v := s.own.find(name)
		return v != nil && v.is.isPossible()
	}
	isGiven := func(i int) bool { return s.Vars[i].Groups&taken == 0 }
	for _, l := range profile.Launderers {
		if !l.IsMarked(sets) {
			continue
		}
		if lost := l.Lost(s.Environment, isGiven, sets); len(lost) > 0 {
			return Deny(ReasonDroppedIdentity, fmt.Sprintf(
				"%s: container %q runs %s, which starts %s with a fixed list of variables only, and without %s of %s %s %s takes the identity of the node or does not find the store: %s; where the container needs no store, list it in %s",
				s.fieldPath(), s.Name, l.Name, l.Step, joinNames(lost), s.profile.Kind, s.profile, l.Tool,
				l.Cure(s.Environment, lost), AnnotationSkipContainers))
		}
		s.warnUnreached(l)
	}
	s.warnStarter()
	return nil
}

// warnStarter warns of a program that the container starts and that gives what it starts none of the container's variables. Whether
// the backup tool is started by it, Lighterman cannot see.
func (s scope) warnStarter() {
	if s.Mode.KeepsAmbientIdentity {
		return
	}
	if what := profile.FindStarter(s.Command, s.Args); what != "" {
		s.warn("container %q starts %s: a backup tool started by it does not get the identity of %s %s, and may take that of the node: start the tool directly, as in a CronJob, or have the image pass the variables on",
			s.Name, what, s.profile.Kind, s.profile)
	}
}

// warnUnreached warns of the parts of an image that are switched on and get no identity from the container.
func (s scope) warnUnreached(l *profile.Launderer) {
	if s.Mode.KeepsAmbientIdentity {
		return
	}
	for i := range l.Unreached {
		u := &l.Unreached[i]
		isOn := func(v ownVariable) bool { return strings.HasPrefix(v.name, u.Prefix) && v.is.isPossible() }
		if at := slices.IndexFunc(s.own.list, isOn); at >= 0 {
			s.warn("container %q sets %s, and %s by %s does not get the identity of %s %s: %s", s.Name, s.own.list[at].name, u.Part,
				l.Name, s.profile.Kind, s.profile, u.Cure)
		}
	}
}
