package injector

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/profile"
)

// claims are what a container says itself of who it is.
type claims struct {
	// certain are variables of the identity group that have a value; optional are those that may have one.
	certain, optional []string
	// groups are those of the certain ones.
	groups profile.Group
	// others are the webhooks that gave it an identity.
	others []*profile.CloudWebhook
}

// add adds a variable of the identity group; shut: a former pass of Lighterman's set it, to shut a rival.
func (c *claims) add(v *ownVariable, g profile.Group, shut bool) {
	switch {
	case shut:
	case v.is.certain():
		c.certain, c.groups = append(c.certain, v.name), c.groups|g
	default:
		c.optional = append(c.optional, v.name)
	}
}

// decideIdentity decides whose identity the container gets. The groups are those that it keeps for one of its own or of
// another webhook's; taken are those that it keeps already.
func (p *plan) decideIdentity(t *target, c *claims, taken profile.Group) (profile.Group, error) {
	if p.Mode.KeepsAmbientIdentity {
		return p.decideInherited(t, c)
	}
	claimed := c.certain
	if account := p.foreignAccount(taken); account != "" {
		claimed = append(claimed, account)
	}
	if len(claimed) > 0 {
		return p.Store.IdentityGroup | c.groups, p.checkWhole(t, claimed, taken)
	}
	var kept profile.Group
	for _, w := range c.others {
		if kept == 0 {
			g, err := p.meet(t, w)
			if err != nil {
				return 0, err
			}
			kept = g
		}
	}
	if kept != 0 {
		return kept, nil
	}
	return 0, p.keepOut(t, c.optional)
}

// keepOut sees to it that programs take the profile's identity, and nothing that the container may bring besides.
func (p *plan) keepOut(t *target, optional []string) error {
	if err := p.shutRivals(t, optional); err != nil {
		return err
	}
	p.warnOptional(t, optional)
	p.warnEmpty(t)
	return nil
}

// warnEmpty warns of a variable that the container sets to nothing, and that a program takes for a setting.
func (p *plan) warnEmpty(t *target) {
	for i := range p.own.list {
		v := &p.own.list[i]
		if v.is.possible() || profile.GroupOf(v.name)&p.Store.IdentityGroup == 0 {
			continue
		}
		for _, r := range p.rivalsOf() {
			if r.Name == v.name && !r.CanShut(p.tools) {
				p.warn("container %q sets %s to an empty value, and %s takes that for a setting: remove the variable if the container runs it",
					t.Name, v.name, r.Setting)
			}
		}
	}
}

// decideInherited is decideIdentity where the pod keeps the identity that the cluster gives it: nothing of it is injected, so
// nothing can be half. Where it is the pod's own, what would be taken before it is shut.
func (p *plan) decideInherited(t *target, c *claims) (profile.Group, error) {
	if len(c.certain) > 0 {
		p.warnGroup(t, c.certain[0], p.Store.IdentityGroup)
		return p.Store.IdentityGroup | c.groups, nil
	}
	if !p.Mode.IsPodScoped {
		return 0, nil
	}
	return 0, p.keepOut(t, c.optional)
}

// foreignAccount is the variable by which the container names a storage account of its own, where the profile's identity is
// the key of another; empty: it names none, or the identity is good for any.
func (p *plan) foreignAccount(taken profile.Group) string {
	if taken&profile.GroupAzureAccount == 0 {
		return ""
	}
	ofAccount := func(v profile.Variable) bool {
		return v.Groups&p.Store.IdentityGroup != 0 && v.Groups&profile.GroupAzureAccount != 0
	}
	if !slices.ContainsFunc(p.Vars, ofAccount) {
		return ""
	}
	for i := range p.own.list {
		if v := &p.own.list[i]; v.is.certain() && p.groupOf(v.name) == profile.GroupAzureAccount {
			return v.name
		}
	}
	return ""
}

// checkWhole denies the pod whose container sets a part of an identity, and warns of one that it keeps. One that may be whole is kept
// where it leads nowhere if it is not: Azure's and Google's libraries have no variable that shuts the node's identity alone.
func (p *plan) checkWhole(t *target, names []string, taken profile.Group) error {
	is, missing := p.judge(t, names, taken)
	half, lacking := p.halfBeside(t, names, taken)
	switch {
	case is != isHalf && half != "": // Programs may find it first, and stop there.
		return p.denyHalf(t, []string{half}, lacking)
	case is == isWhole:
		p.warnKept(t, names[0], p.Store.IdentityGroup)
		return nil
	case is == mayBeWhole && !p.Store.BlocksNodeIdentity:
		return Deny(ReasonIncompleteIdentity, fmt.Sprintf(
			"spec.%s[%d].env: container %q sets %s, and %s only by what may bring none, an optional reference or envFrom: then programs take the identity of the node: set that in env by a reference that is required, remove %s so that the container gets %s of %s %s, or list it in %s",
			t.list, t.index, t.Name, joinNames(names), joinNames(missing), joinNames(names), p.Store.IdentityGroup,
			p.profile.Kind, p.profile, AnnotationSkipContainers))
	case is == mayBeWhole:
		p.warn("container %q sets %s itself, so Lighterman does not inject %s of %s %s there; it has no identity where what may bring %s, an optional reference or envFrom, does not: set that in env by a reference that is required, or list the container in %s",
			t.Name, names[0], p.Store.IdentityGroup, p.profile.Kind, p.profile, joinNames(missing), AnnotationSkipContainers)
		return nil
	}
	return p.denyHalf(t, names, missing)
}

// halfBeside returns a variable that belongs to no whole identity, and what the one lacks that is nearest to being whole; an empty name:
// there is none. What an identity only may have beside it is none.
func (p *plan) halfBeside(t *target, names []string, taken profile.Group) (half string, lacking []string) {
	identities := p.Identities()
	for _, name := range names {
		beside := func(w profile.Identity) bool { return slices.Contains(w.With, name) }
		if p.groupOf(name)&p.Store.IdentityGroup == 0 || slices.ContainsFunc(identities, beside) {
			continue
		}
		if is, missing := p.judge(t, []string{name}, taken); is == isHalf {
			return name, missing
		}
	}
	return "", nil
}

// denyHalf denies the pod whose container sets a part of an identity.
func (p *plan) denyHalf(t *target, names, missing []string) error {
	return Deny(ReasonIncompleteIdentity, fmt.Sprintf(
		"spec.%s[%d].env: container %q sets %s and not %s, and half an identity is none: set that too, remove %s so that the container gets %s of %s %s, or list it in %s",
		t.list, t.index, t.Name, joinNames(names), joinNames(missing), joinNames(names), p.Store.IdentityGroup,
		p.profile.Kind, p.profile, AnnotationSkipContainers))
}

// denyOpen denies the pod in whose container variables that Lighterman cannot see may be taken before the profile's identity.
func (p *plan) denyOpen(t *target, names []string, program string) error {
	return Deny(ReasonAmbiguousIdentity, fmt.Sprintf(
		"spec.%s[%d]: container %q takes variables from envFrom or by optional references, which Lighterman cannot see: %s would be taken before the identity of %s %s, and %s takes an empty variable for a setting, so they cannot be shut out: refer to each key that the container needs in env, set envFrom[].prefix, set them to \"\" in env where no program of the container does that, or list the container in %s",
		t.list, t.index, t.Name, joinNames(names), p.profile.Kind, p.profile, program, AnnotationSkipContainers))
}

// warnOptional warns of optional references behind which the profile's identity stands.
func (p *plan) warnOptional(t *target, names []string) {
	if len(names) == 0 {
		return
	}
	var left []string
	for _, name := range names {
		if _, ours := p.index[name]; !ours && !slices.ContainsFunc(t.shut, func(e corev1.EnvVar) bool { return e.Name == name }) {
			left = append(left, name)
		}
	}
	rest := ""
	if len(left) > 0 {
		rest = fmt.Sprintf("; %s stays, and makes no identity by itself", joinNames(left))
	}
	p.warn("container %q has only optional references in %s, so programs take the credentials of %s %s, which stand behind them%s: for the container's own make the references required, or list the container in %s",
		t.Name, joinNames(names), p.profile.Kind, p.profile, rest, AnnotationSkipContainers)
}

// warnEnvFrom says what becomes of the variables that the container takes from envFrom.
func (p *plan) warnEnvFrom(t *target, kept bool) {
	if len(t.EnvFrom) == 0 {
		return
	}
	whose, cure := "", ""
	switch {
	case kept:
	case p.Mode.KeepsAmbientIdentity && !p.Mode.IsPodScoped:
		whose = ", and programs take credentials from there before the identity that the cluster gives the pod"
	case len(t.shut) > 0:
		whose = fmt.Sprintf(", and %s set to shut out those from there: programs take the identity of %s %s", areOrIs(t.shut), p.profile.Kind, p.profile)
		cure = "; to use credentials from there, list the container in " + AnnotationSkipContainers
	default:
		whose = fmt.Sprintf(", and programs take the identity of %s %s", p.profile.Kind, p.profile)
		cure = "; to use credentials from there, list the container in " + AnnotationSkipContainers
	}
	p.warn("container %q takes variables from envFrom, which Lighterman cannot see: an injected variable hides one of its name%s%s",
		t.Name, whose, cure)
}

func areOrIs(vars []corev1.EnvVar) string {
	names := make([]string, len(vars))
	for i := range vars {
		names[i] = vars[i].Name
	}
	if len(names) == 1 {
		return names[0] + " is"
	}
	return joinNames(names) + " are"
}

// filling is an entry of the container's env that says nothing, and gets the value of an injected variable.
type filling struct {
	at  int // in the container's env
	env *corev1.EnvVar
}

// filled are the values of the entries that are filled in.
func (t *target) filled() []corev1.EnvVar {
	if len(t.fills) == 0 {
		return nil
	}
	env := make([]corev1.EnvVar, len(t.fills))
	for i := range t.fills {
		env[i] = *t.fills[i].env
	}
	return env
}
