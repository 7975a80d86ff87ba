package profile

import (
	"slices"
	"testing"
)

// TestIdentitiesHaveEveryVariable fails for a variable of an identity group that makes no identity and is no part of one: a
// container that sets it could not be told what it lacks.
func TestIdentitiesHaveEveryVariable(t *testing.T) {
	t.Parallel()
	for i := range stores {
		s := &stores[i]
		for name, g := range groupsByVariable {
			if g&s.IdentityGroup != 0 {
				checkListed(t, s.identities, name)
			}
		}
		for _, d := range dialects {
			for name, g := range d.groups {
				if g&s.IdentityGroup != 0 {
					checkListed(t, append(slices.Clone(s.identities), d.identities...), name)
				}
			}
		}
	}
}

func checkListed(t *testing.T, identities []Identity, name string) {
	t.Helper()
	if !slices.ContainsFunc(identities, func(w Identity) bool { return w.CountMembers([]string{name}) > 0 }) {
		t.Errorf("%s belongs to no identity: add it to one in profile/identities.go, or to identities in the row of its tool", name)
	}
}

// TestRivals checks the tables: each auth mode exists, and each variable belongs to an identity, or is no rival of one.
func TestRivals(t *testing.T) {
	t.Parallel()
	modes := map[string]bool{}
	for i := range stores {
		for j := range stores[i].modes {
			modes[stores[i].modes[j].Name] = true
		}
	}
	check := func(list []Rival, groups map[string]Group) {
		for i := range list {
			r := &list[i]
			if len(r.before) == 0 || slices.ContainsFunc(r.before, func(mode string) bool { return !modes[mode] }) {
				t.Errorf("%s: %v are not all auth modes", r.Name, r.before)
			}
			identity := groupIdentity | groupAzure | groupGoogle
			if (groupsByVariable[r.Name]|groups[r.Name])&identity == 0 {
				t.Errorf("%s is in no identity group", r.Name)
			}
			if r.Setting == "" && r.known != nil {
				t.Errorf("%s: known without setting", r.Name)
			}
		}
	}
	for i := range stores {
		check(stores[i].rivals, nil)
	}
	for _, d := range dialects {
		check(d.rivals, d.groups)
	}
}
