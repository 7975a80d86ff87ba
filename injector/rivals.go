package injector

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/profile"
)

// rivalsOf returns the rivals of the profile's identity that the profile itself does not set.
func (p *plan) rivalsOf() []*profile.Rival {
	if p.rivals == nil {
		p.rivals = slices.DeleteFunc(p.Rivals(), func(r *profile.Rival) bool {
			_, injected := p.index[r.Name]
			return injected
		})
	}
	return p.rivals
}

// isShut reports whether the container's entry is the one by which a former pass shut a rival.
func (p *plan) isShut(env *corev1.EnvVar) bool {
	if env.ValueFrom != nil {
		return false
	}
	for _, r := range p.rivalsOf() {
		if r.Name == env.Name && r.Shut == env.Value {
			return true
		}
	}
	return false
}

// shutRivals adds entries behind the container's own that keep out what an optional reference or envFrom may bring, so that
// programs take the profile's identity. It denies the pod where that cannot be done.
func (p *plan) shutRivals(t *target, optional []string) error {
	if len(optional)+len(t.EnvFrom) == 0 {
		return nil
	}
	var open, programs []string
	for _, r := range p.rivalsOf() {
		unseen := slices.Contains(optional, r.Name)
		if own := p.own.find(r.Name) != nil; !unseen && (own || r.Exotic || !p.own.maySetFrom(r.Name)) {
			continue
		}
		if !r.CanShut(p.tools) {
			open = append(open, r.Name)
			if !slices.Contains(programs, r.Setting) {
				programs = append(programs, r.Setting)
			}
			continue
		}
		t.shut = append(t.shut, corev1.EnvVar{Name: r.Name, Value: r.Shut})
	}
	if len(open) == 0 {
		return nil
	}
	return p.denyOpen(t, open, strings.Join(programs, " or "))
}

// joinNames lists variables for people.
func joinNames(names []string) string { return strings.Join(names, ", ") }
