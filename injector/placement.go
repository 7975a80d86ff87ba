package injector

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/profile"
)

// placement is where in a container one of the profile's variables goes.
type placement struct {
	kind placementKind
	at   int // The entry that is filled in.
}

type placementKind uint8

const (
	inFront   placementKind = iota // of the container's own
	behindOwn                      // where an optional reference of the container's may bring another value
	filledIn                       // in the place of an entry without a value
	keptOut                        // the container has it, or another value of its own
)

// placer decides where in a container the profile's variables go. Its lists are used again for the next container.
type placer struct {
	scope
	places []placement // of Vars
	// withheld marks the Vars that the container does not get, because it is to get no identity.
	withheld []bool
}

// setContainer turns to another container.
func (p *placer) setContainer(s scope) {
	p.scope = s
	if p.places == nil {
		p.places, p.withheld = make([]placement, len(s.Vars)), make([]bool, len(s.Vars))
	}
	clear(p.places)
	clear(p.withheld)
}

// compareOwn compares the container's variables with the profile's: it finds the place of each of the profile's, and the
// groups that the container keeps for itself. It warns of each group, and of each single variable, that is not injected
// because of it. Whose identity the container gets is to be decided by what it returns.
func (p *placer) compareOwn() (taken profile.Group, c claims, optional []string) {
	c.webhooks = p.cloudWebhooks()
	for i := range p.own.list {
		v := &p.own.list[i]
		env := &p.Env[v.last]
		at, injected := p.byName[v.name]
		g := p.GroupOf(v.name)
		if injected {
			p.places[at] = p.placeBeside(v, at, g)
		}
		if c.elsewhere == "" && v.is.isCertain() && env.ValueFrom == nil && p.LeadsElsewhere(v.name, env.Value) {
			c.elsewhere = v.name
		}
		switch {
		case !v.is.isPossible() || injected && p.places[at].kind == keptOut && !isOptional(env) && p.Vars[at].Equals(env):
		case slices.ContainsFunc(c.webhooks, func(w *profile.CloudWebhook) bool { return w.Sets(v.name) }):
		case g&p.Store.IdentityGroup != 0:
			if !p.shutsRival(env) {
				c.addVariable(v, g)
			}
		case !v.is.isCertain():
			if injected {
				optional = append(optional, v.name) // Of other groups.
			}
		case g != 0 && p.repeats(env, g): // By another of its names.
		case g != 0 && taken&g == 0:
			taken |= g
			p.warnGroup(v.name, g)
		case g == 0 && injected:
			p.warn("container %q sets %s itself, so Lighterman does not inject that of %s %s there", p.Name, v.name,
				p.profile.Kind, p.profile)
		}
	}
	return taken, c, optional
}

// repeats reports whether a container's variable says what the profile's variables of the group say.
func (p *placer) repeats(env *corev1.EnvVar, g profile.Group) bool {
	if g.IsRepository() || env.ValueFrom != nil || env.Value == "" {
		return false
	}
	return slices.ContainsFunc(p.Vars, func(v profile.Variable) bool {
		return v.Groups&g != 0 && v.ValueFrom == nil && v.Value == env.Value
	})
}

// placeBeside returns where one of the profile's variables goes in a container that sets it, too. An optional reference
// may be none: what belongs to the identity or the location then stands behind it, for two values of one group do not
// mix; what belongs to no group, or is a repository by itself, stands in front, so that the container's own counts where there is one.
func (p *placer) placeBeside(v *ownVariable, at int, g profile.Group) placement {
	isSame := func(i int) bool {
		e := &p.Env[i]
		return e.Name == v.name && !isOptional(e) && p.Vars[at].Equals(e)
	}
	switch {
	case isSame(v.last) || v.is.isCertain():
		return placement{kind: keptOut}
	case !v.is.isPossible():
		return placement{kind: filledIn, at: v.last}
	case g != 0 && !g.IsRepository():
		return placement{kind: behindOwn}
	}
	for i := range p.Env {
		if isSame(i) { // An earlier pass put it in front.
			return placement{kind: keptOut}
		}
	}
	return placement{kind: inFront}
}

// addVar adds the profile's variable i to env, at its place.
func (p *placer) addVar(env *envAdditions, i int) {
	v, place := &p.Vars[i], &p.places[i]
	switch {
	case place.kind == keptOut:
	case place.kind == behindOwn || v.HasReference && p.refersToOwn(v):
		place.kind = behindOwn
		env.behind = append(env.behind, v.EnvVar)
	case place.kind == filledIn:
		env.fills = append(env.fills, filling{at: place.at, env: &v.EnvVar})
	default:
		if env.front == nil {
			env.front = make([]corev1.EnvVar, 0, len(p.Vars)-i)
		}
		env.front = append(env.front, v.EnvVar)
	}
}

// refersToOwn reports whether the variable refers to one that the profile injects, and that stands among the container's
// own or behind them: the kubelet fills in a reference only from what stands before it.
func (p *placer) refersToOwn(v *profile.Variable) bool {
	for name := range referencedNames(v.Value) {
		at, injected := p.byName[name]
		if injected && (p.own.find(name) != nil || p.places[at].kind == behindOwn) {
			return true
		}
	}
	return false
}

// warnOptionalPlaces warns of optional references to what the profile has, too, but for the identity.
func (p *placer) warnOptionalPlaces(names []string, taken profile.Group) {
	var hidden, kept []string
	for _, name := range names {
		switch g := p.GroupOf(name); {
		case g == 0 || g.IsRepository():
			kept = append(kept, name)
		case g&taken == 0:
			hidden = append(hidden, name)
		}
	}
	if len(hidden) > 0 {
		p.warn("container %q has only optional references in %s, and those of %s %s stand behind them: for the container's own make the references required",
			p.Name, joinNames(hidden), p.profile.Kind, p.profile)
	}
	if len(kept) > 0 {
		p.warn("container %q has only optional references in %s: where there is none, that of %s %s counts", p.Name, joinNames(kept),
			p.profile.Kind, p.profile)
	}
}
