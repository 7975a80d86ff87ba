package injector

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/profile"
)

// placement is where in a container one of the profile's variables goes.
type placement struct {
	kind placementKind
	at   int // the entry that is filled in
}

type placementKind uint8

const (
	inFront   placementKind = iota // of the container's own
	behindOwn                      // where an optional reference of the container's may bring another value
	filledIn                       // in the place of an entry that says nothing
	keptOut                        // the container has it, or another value of its own
)

// takenGroups compares the container's variables with the profile's: it finds the place of each of the profile's, and the
// groups that the container keeps for itself. It warns of each group, and of each single variable, that is not injected
// because of it.
func (p *plan) takenGroups(t *target) (profile.Group, error) {
	own := p.readOwn(t)
	clear(p.places)
	c := claims{others: p.others(t)}
	var taken profile.Group
	var optional []string // Of other groups.
	for i := range own.list {
		v, env := &own.list[i], &t.Env[own.list[i].last]
		at, injected := p.index[v.name]
		g := p.groupOf(v.name)
		if injected {
			p.places[at] = p.placeBeside(t, v, at, g)
		}
		switch {
		case !v.is.possible() || injected && p.places[at].kind == keptOut && !isOptional(env) && p.Vars[at].Equals(env):
		case slices.ContainsFunc(c.others, func(w *profile.CloudWebhook) bool { return w.Sets(v.name) }):
		case g&p.Store.IdentityGroup != 0:
			c.add(v, g, p.isShut(env))
		case !v.is.certain():
			if injected {
				optional = append(optional, v.name)
			}
		case g != 0 && taken&g == 0:
			taken |= g
			p.warnGroup(t, v.name, g)
		case g == 0 && injected:
			p.warn("container %q sets %s itself, so Lighterman does not inject that of %s %s there", t.Name, v.name,
				p.profile.Kind, p.profile)
		}
	}
	identity, err := p.decideIdentity(t, &c, taken)
	taken |= identity
	p.warnOptionalPlace(t, optional, taken)
	return taken, err
}

// placeBeside is where one of the profile's variables goes in a container that sets it, too. An optional reference may be
// none: what says who the pod is or where the store is then stands behind it, for two values of one group do not mix; what
// belongs to no group stands in front, so that the container's own counts where there is one.
func (p *plan) placeBeside(t *target, v *ownVariable, at int, g profile.Group) placement {
	same := func(e corev1.EnvVar) bool { return e.Name == v.name && !isOptional(&e) && p.Vars[at].Equals(&e) }
	switch {
	case same(t.Env[v.last]) || v.is.certain():
		return placement{kind: keptOut}
	case !v.is.possible():
		return placement{kind: filledIn, at: v.last}
	case g != 0:
		return placement{kind: behindOwn}
	case slices.ContainsFunc(t.Env, same): // A former pass put it in front.
		return placement{kind: keptOut}
	}
	return placement{kind: inFront}
}

// placeVars puts the profile's variables where they go, but for those of groups that the container keeps for itself.
func (p *plan) placeVars(t *target, taken profile.Group) {
	t.env = make([]corev1.EnvVar, 0, len(p.Vars))
	for i := range p.Vars {
		p.placeVar(t, i, p.Vars[i].Groups&taken != 0)
	}
}

// placeVar puts one of the profile's variables where it goes, unless the container does not get it.
func (p *plan) placeVar(t *target, i int, withheld bool) {
	v, place := &p.Vars[i], &p.places[i]
	switch {
	case place.kind == keptOut || withheld:
	case place.kind == behindOwn || v.HasReference && p.refersTo(v):
		place.kind = behindOwn
		t.tail = append(t.tail, v.EnvVar)
	case place.kind == filledIn:
		t.fills = append(t.fills, filling{at: place.at, env: &v.EnvVar})
	default:
		t.env = append(t.env, v.EnvVar)
	}
}

// warnOptionalPlace warns of optional references to what the profile says, too, but for the identity.
func (p *plan) warnOptionalPlace(t *target, names []string, taken profile.Group) {
	var hidden, kept []string
	for _, name := range names {
		switch g := p.groupOf(name); {
		case g == 0:
			kept = append(kept, name)
		case g&taken == 0:
			hidden = append(hidden, name)
		}
	}
	if len(hidden) > 0 {
		p.warn("container %q has only optional references in %s, and those of %s %s stand behind them: for the container's own make the references required",
			t.Name, joinNames(hidden), p.profile.Kind, p.profile)
	}
	if len(kept) > 0 {
		p.warn("container %q has only optional references in %s: where there is none, that of %s %s counts", t.Name, joinNames(kept),
			p.profile.Kind, p.profile)
	}
}
