package injector

import (
	"slices"
	"strings"

	"lighterman.dev/lighterman/profile"
)

// completeness is how far a container's own variables make an identity.
type completeness uint8

const (
	isHalf completeness = iota
	mayBeWhole
	isWhole
)

// identityJudge judges identities that a container makes of its own variables.
type identityJudge struct {
	scope
	// taken are the groups that the container keeps for itself.
	taken profile.Group
}

// judgeNames returns how far the container's variables make an identity to which one of the names belongs: what another
// webhook set makes none by itself. missing is what the one lacks that is nearest to being whole.
func (j identityJudge) judgeNames(names []string) (is completeness, missing []string) {
	const perName = 8 // More than any identity has members.
	nearest := 0
	identities := j.Identities()
	for i := range identities {
		w := &identities[i]
		shared := w.CountMembers(names)
		if shared == 0 {
			continue
		}
		one, lacks := j.judgeIdentity(w)
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

// judgeIdentity returns how far the container's variables make this identity; missing are the members that are not
// certain.
func (j identityJudge) judgeIdentity(w *profile.Identity) (is completeness, missing []string) {
	is = isWhole
	for _, name := range w.Without {
		if j.own.presenceOf(name).isCertain() {
			return isHalf, nil
		}
	}
	for _, names := range w.All {
		best := isHalf
		for _, name := range names {
			switch is := j.own.presenceOf(name); {
			case j.isLocation(name) || is.isCertain() && j.hasText(w, name):
				best = isWhole
			case is.isPossible() && w.Text == "":
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

// hasText reports whether the container's variable has the text that the identity asks for.
func (j identityJudge) hasText(w *profile.Identity, name string) bool {
	return w.Text == "" || j.Env[j.own.find(name).last].Value == w.Text
}

// isLocation reports whether the container gets the variable from the profile as a part of the store's location.
func (j identityJudge) isLocation(name string) bool {
	at, injected := j.byName[name]
	return injected && j.Vars[at].Groups&(j.Store.IdentityGroup|j.taken) == 0
}

// halfBeside returns a variable that belongs to no whole identity, and what the one lacks that is nearest to being
// whole; an empty name: there is none. What an identity only may have beside it is none.
func (j identityJudge) halfBeside(names []string) (half string, lacking []string) {
	identities := j.Identities()
	for _, name := range names {
		isBeside := func(w profile.Identity) bool { return slices.Contains(w.With, name) }
		if j.GroupOf(name)&j.Store.IdentityGroup == 0 || slices.ContainsFunc(identities, isBeside) {
			continue
		}
		if is, missing := j.judgeNames([]string{name}); is == isHalf {
			return name, missing
		}
	}
	return "", nil
}
