package injector

import (
	"strings"

	"lighterman.dev/lighterman/profile"
)

// metadataSwitch keeps the AWS SDKs from asking the node for its role.
const metadataSwitch = "AWS_EC2_METADATA_DISABLED"

// caVariables begin the neutral variables with the paths of the CA bundle and its truststores.
const caVariables = profile.ReservedPrefix + "CA_"

// writerEnv returns the variables of a container that writes files for the uploader, and does not reach the store itself:
// where the store is, the profile's literals, and the switch that keeps it from the node's role. What the container sets
// itself is no conflict with an identity that it does not get.
func (p *placer) writerEnv() envAdditions {
	p.placeBesideOwn()
	var env envAdditions
	for i := range p.Vars {
		if p.places[i].kind == keptOut {
			continue
		}
		if p.withheld[i] = p.withholds(&p.Vars[i]); !p.withheld[i] {
			p.addVar(&env, i)
		}
	}
	return env
}

// placeBesideOwn finds the place of each of the profile's variables among those that the container sets itself. It
// warns of those that it would have got.
func (p *placer) placeBesideOwn() {
	for i := range p.own.list {
		v := &p.own.list[i]
		at, injected := p.byName[v.name]
		if !injected {
			continue
		}
		p.places[at] = p.placeBeside(v, at, p.GroupOf(v.name))
		if ours := &p.Vars[at]; v.is.isCertain() && p.opensNothing(ours) && !ours.Equals(&p.Env[v.last]) {
			p.warn("container %q sets %s itself, so Lighterman does not inject that of %s %s there", p.Name, v.name, p.profile.Kind,
				p.profile)
		}
	}
}

// opensNothing reports whether a variable may be given to a container that is not to reach the store: it is no part of an
// identity, comes from no Secret and names no file of Lighterman's.
func (s scope) opensNothing(v *profile.Variable) bool {
	switch {
	case v.ValueFrom != nil || strings.HasPrefix(v.Name, caVariables):
		return false
	case strings.HasPrefix(v.Name, profile.ReservedPrefix):
		return v.Groups&s.Store.IdentityGroup == 0
	}
	return v.Name == metadataSwitch || v.Literal
}

// withholds reports whether a container that is not to reach the store does not get the variable. It warns of a literal
// that cannot be given without the identity.
func (p *placer) withholds(v *profile.Variable) bool {
	if !p.opensNothing(v) {
		return true
	}
	missing := p.missingReference(v)
	if missing != "" && v.Literal {
		p.warn("container %q does not get %s of spec.env of %s %s: it refers to %s, which only Lighterman's own containers get",
			p.Name, v.Name, p.profile.Kind, p.profile, missing)
	}
	return missing != ""
}

// missingReference returns the first variable of the profile that v refers to and the container neither sets nor gets;
// empty: there is none.
func (p *placer) missingReference(v *profile.Variable) string {
	if !v.HasReference {
		return ""
	}
	for name := range referencedNames(v.Value) {
		at, injected := p.byName[name]
		if injected && p.withheld[at] && p.own.find(name) == nil {
			return name
		}
	}
	return ""
}
