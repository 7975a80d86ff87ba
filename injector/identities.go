package injector

import (
	"strings"

	"lighterman.dev/lighterman/profile"
)

// completeness says how far a container's own variables make an identity.
type completeness uint8

const (
	isHalf completeness = iota
	mayBeWhole
	isWhole
)

// completes says how far the container's variables make this identity; missing are the members that are not certain.
func (p *plan) completes(w *profile.Identity, t *target, taken profile.Group) (is completeness, missing []string) {
	is = isWhole
	for _, name := range w.Without {
		if p.own.presence(name).certain() {
			return isHalf, nil
		}
	}
	for _, names := range w.All {
		best := isHalf
		for _, name := range names {
			switch is := p.own.presence(name); {
			case p.locates(name, taken) || is.certain() && p.hasText(w, t, name):
				best = isWhole
			case is.possible() && w.Text == "":
				best = max(best, mayBeWhole)
			}
		}
		if best != isWhole {
			missing = append(missing, strings.Join(names, " or "))
		}
		is = min(is, best)
	}
	return is, missing
}

func (p *plan) hasText(w *profile.Identity, t *target, name string) bool {
	return w.Text == "" || t.Env[p.own.find(name).last].Value == w.Text
}

// locates reports whether the container gets the variable from the profile, with what says where the store is.
func (p *plan) locates(name string, taken profile.Group) bool {
	at, injected := p.index[name]
	return injected && p.Vars[at].Groups&(p.Store.IdentityGroup|taken) == 0
}

// judge says how far the container's variables make an identity to which one of the names belongs: what another webhook
// set makes none by itself. missing is what the one lacks that is nearest to being whole.
func (p *plan) judge(t *target, names []string, taken profile.Group) (is completeness, missing []string) {
	const perName = 8 // More than any identity has members.
	nearest := 0
	identities := p.Identities()
	for i := range identities {
		w := &identities[i]
		shared := w.CountMembers(names)
		if shared == 0 {
			continue
		}
		one, lacks := p.completes(w, t, taken)
		near := perName*(1+shared) - len(lacks)
		if lacks == nil && one != isWhole { // It is ruled out.
			near = 1
		}
		if one > is || one == is && near > nearest {
			is, missing, nearest = one, lacks, near
		}
	}
	return is, missing
}
