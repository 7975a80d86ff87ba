package injector

import (
	"iter"
	"slices"
	"strings"

	"lighterman.dev/lighterman/profile"
)

// metadataSwitch keeps the AWS SDKs from asking the node for its role.
const metadataSwitch = "AWS_EC2_METADATA_DISABLED"

// caFileVariable is the neutral variable with the path of the CA bundle.
const caFileVariable = profile.ReservedPrefix + "CA_FILE"

// planWithoutIdentity decides what a container is given that writes files for the uploader, and does not reach the store
// itself: where the store is, the profile's literals, and the switch that keeps it from the node's role. What the container
// sets itself is no conflict with an identity that it does not get.
func (p *plan) planWithoutIdentity(t *target) error {
	p.placeBesideOwn(t)
	clear(p.withheld)
	for i := range p.Vars {
		if p.places[i].kind != keptOut {
			p.withheld[i] = p.withholds(&p.Vars[i], t)
			p.placeVar(t, i, p.withheld[i])
		}
	}
	p.planProxy(t)
	return p.finishTarget(t)
}

// placeBesideOwn finds the place of each of the profile's variables among those that the container sets itself. It warns of
// those that it would have got.
func (p *plan) placeBesideOwn(t *target) {
	own := p.readOwn(t)
	clear(p.places)
	for i := range own.list {
		v := &own.list[i]
		at, injected := p.index[v.name]
		if !injected {
			continue
		}
		p.places[at] = p.placeBeside(t, v, at, p.groupOf(v.name))
		if ours := &p.Vars[at]; v.is.certain() && p.opensNothing(ours) && !ours.Equals(&t.Env[v.last]) {
			p.warn("container %q sets %s itself, so Lighterman does not inject that of %s %s there", t.Name, v.name, p.profile.Kind,
				p.profile)
		}
	}
}

// opensNothing reports whether a variable may be given to a container that is not to reach the store: it is no part of an
// identity, comes from no Secret and names no file of Lighterman's.
func (p *plan) opensNothing(v *profile.Variable) bool {
	switch {
	case v.ValueFrom != nil || v.Name == caFileVariable:
		return false
	case strings.HasPrefix(v.Name, profile.ReservedPrefix):
		return v.Groups&p.Store.IdentityGroup == 0
	}
	return v.Name == metadataSwitch || v.Literal
}

// withholds reports whether a container that is not to reach the store does not get the variable. It warns of a literal that
// cannot be given without the identity.
func (p *plan) withholds(v *profile.Variable, t *target) bool {
	if !p.opensNothing(v) {
		return true
	}
	missing := p.missingReference(v)
	if missing != "" && v.Literal {
		p.warn("container %q does not get %s of spec.env of %s %s: it refers to %s, which only Lighterman's own containers get",
			t.Name, v.Name, p.profile.Kind, p.profile, missing)
	}
	return missing != ""
}

// missingReference returns the first variable of the profile that v refers to and the container at hand neither sets nor
// gets; empty: there is none.
func (p *plan) missingReference(v *profile.Variable) string {
	if !v.HasReference {
		return ""
	}
	for name := range references(v.Value) {
		at, injected := p.index[name]
		if injected && p.withheld[at] && p.own.find(name) == nil {
			return name
		}
	}
	return ""
}

// references iterates over the names in $(NAME). Two dollar signs stand for one, and begin no reference
// (k8s.io/kubernetes third_party/forked/golang/expansion/expand.go).
func references(value string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for {
			at := strings.IndexByte(value, '$')
			if at < 0 || at+1 == len(value) {
				return
			}
			next := value[at+1]
			value = value[at+2:]
			if next != '(' {
				continue
			}
			name, rest, closed := strings.Cut(value, ")")
			if !closed || !yield(name) {
				return
			}
			value = rest
		}
	}
}

// warnSharedProcesses warns where the walls between the containers do not hold: processes of one user may look at each
// other's environment and files under /proc.
func (p *plan) warnSharedProcesses(found []target) {
	shared := p.pod.Spec.ShareProcessNamespace
	if shared == nil || !*shared || !slices.ContainsFunc(found, func(t target) bool { return !t.recipient }) {
		return
	}
	p.warn("the pod has shareProcessNamespace: true, so a container that runs as root or as the uploader's user can read the uploader's credentials: leave shareProcessNamespace out")
}
