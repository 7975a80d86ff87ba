package injector

import (
	"fmt"
	"slices"
	"strings"

	"lighterman.dev/lighterman/profile"
)

// checkLaundered denies the pod whose container gets an identity that its image does not pass on to the backup tool, which would
// then act as the node. taken are the groups that the container keeps for itself, or for an identity that webhooks gave it.
func (s scope) checkLaundered(taken profile.Group, webhooks []*profile.CloudWebhook) error {
	sets := func(name string) bool {
		v := s.own.find(name)
		return v != nil && v.is.isPossible()
	}
	isGiven := func(i int) bool { return s.Vars[i].Groups&taken == 0 }
	for _, l := range profile.Launderers {
		if !l.IsMarked(sets) {
			continue
		}
		if s.Mode.KeepsAmbientIdentity || taken&s.Store.IdentityGroup != 0 {
			s.warnDropped(l, webhooks)
		}
		if taken&s.Store.IdentityGroup != 0 {
			break
		}
		if lost := l.Lost(s.Environment, isGiven, sets); len(lost) > 0 {
			return Deny(ReasonDroppedIdentity, fmt.Sprintf(
				"%s: container %q runs %s, which starts %s with a fixed list of variables only, and without %s of %s %s %s takes the identity of the node or does not find the store: %s; where the container needs no store, list it in %s",
				s.fieldPath(), s.Name, l.Name, l.Step, joinNames(lost), s.profile.Kind, s.profile, l.Tool,
				l.Cure(s.Environment, lost), AnnotationSkipContainers))
		}
		s.warnPlace(l)
		s.warnUnreached(l)
	}
	if taken&s.Store.IdentityGroup != 0 || s.Mode.KeepsAmbientIdentity {
		return nil
	}
	return s.checkStarter()
}

// warnDropped warns of an identity of another webhook's that stays in the container and does not reach the image's backup tool.
func (s scope) warnDropped(l *profile.Launderer, webhooks []*profile.CloudWebhook) {
	for _, w := range webhooks {
		if l.Drops(w.TokenVariable) {
			s.warn("container %q runs %s, which does not pass %s of %s on to %s: it takes the identity of the node",
				s.Name, l.Name, w.TokenVariable, w.Name, l.Tool)
		}
	}
}

// checkStarter denies the pod whose container starts a backup tool by a program that drops the variables, and warns of such a program
// where what it starts is not seen.
func (s scope) checkStarter() error {
	starter, tool := profile.FindStarter(s.Command, s.Args)
	switch {
	case starter == nil:
	case tool != "" && starter.Cure != "":
		return Deny(ReasonDroppedIdentity, fmt.Sprintf(
			"%s.command: container %q starts %s, and by it %s, which takes the identity of the node then and not that of %s %s: %s, or list the container in %s",
			s.fieldPath(), s.Name, starter.What, tool, s.profile.Kind, s.profile, starter.Cure, AnnotationSkipContainers))
	default:
		s.warn("container %q starts %s: a backup tool started by it does not get the identity of %s %s, and may take that of the node: start the tool directly, as in a CronJob, or have the image pass the variables on",
			s.Name, starter.What, s.profile.Kind, s.profile)
	}
	return nil
}

// warnPlace warns of a place of the archive that the profile puts before the one that the image is told.
func (s scope) warnPlace(l *profile.Launderer) {
	for i := range s.own.list {
		own := &s.own.list[i]
		ours := l.Places[own.name]
		if ours == "" || !own.is.isPossible() || !s.injects(ours) || s.own.find(ours) != nil {
			continue
		}
		s.warn("container %q sets %s, and %s takes %s of %s %s in its place: set spec.toolOptions.location: Omit, so that each database keeps an archive of its own",
			s.Name, own.name, l.Name, ours, s.profile.Kind, s.profile)
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
