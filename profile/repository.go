package profile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// ToolPgbackrest is the tool whose repositories have numbers.
const ToolPgbackrest v1alpha1.Tool = "pgbackrest"

// The numbers of pgBackRest's repositories (src/config/parse.c of release 2.59.1, CFG_OPTION_KEY_MAX).
const (
	FirstRepository = 1
	LastRepository  = 256
)

// anyRepository matches the beginning of the variables of one repository.
var anyRepository = regexp.MustCompile(`^PGBACKREST_REPO[0-9]+_`)

// firstRepositoryName returns the name of a variable in the row of pgBackRest, which is written for its first repository.
func firstRepositoryName(name string) string {
	if !strings.HasPrefix(name, "PGBACKREST_") {
		return name
	}
	return anyRepository.ReplaceAllLiteralString(name, pgRepo)
}

// chosenRepository returns the number that a spec chooses.
func chosenRepository(spec *v1alpha1.CredentialProfileSpec) int32 {
	if o := spec.ToolOptions; o != nil && o.Pgbackrest != nil && o.Pgbackrest.Repository != nil {
		return *o.Pgbackrest.Repository
	}
	return FirstRepository
}

// ChooseRepository has pgBackRest's variables be those of the repository of that number.
func (r *Resolved) ChooseRepository(number int32) {
	for i, tool := range r.Tools {
		if tool != ToolPgbackrest {
			continue
		}
		r.dialects[i] = &pgbackrest
		if number != FirstRepository {
			r.dialects[i] = pgbackrest.renumber(number)
		}
	}
}

// renumber returns the row for another repository than the first.
func (d *dialect) renumber(number int32) *dialect {
	prefix := fmt.Sprintf("PGBACKREST_REPO%d_", number)
	rename := func(name string) string {
		if option, ok := strings.CutPrefix(name, pgRepo); ok {
			return prefix + option
		}
		return name
	}
	renameAll := func(names []string) []string {
		names = slices.Clone(names)
		for i := range names {
			names[i] = rename(names[i])
		}
		return names
	}
	n := *d
	n.rename, n.prefix = rename, prefix
	n.endpoints = make(map[string]leadsElsewhere, len(d.endpoints))
	for name, leads := range d.endpoints {
		n.endpoints[rename(name)] = leads
	}
	n.groups = make(map[string]Group, len(d.groups))
	for name, g := range d.groups {
		n.groups[rename(name)] = g
	}
	n.identities = slices.Clone(d.identities)
	for i := range n.identities {
		w := &n.identities[i]
		w.With, w.Without, w.All = renameAll(w.With), renameAll(w.Without), slices.Clone(w.All)
		for j := range w.All {
			w.All[j] = renameAll(w.All[j])
		}
	}
	return &n
}

// checkToolOptions repeats the bounds of the CRD for a profile from a file.
func (p *problems) checkToolOptions(spec *v1alpha1.CredentialProfileSpec) {
	if o := spec.ToolOptions; o != nil {
		checkOneOf(p, "spec.toolOptions.location", o.Location, v1alpha1.ToolLocationInject, v1alpha1.ToolLocationOmit)
	}
	if n := chosenRepository(spec); n < FirstRepository || n > LastRepository {
		p.addInvalid("spec.toolOptions.pgbackrest.repository", "%d is out of range: choose %d to %d", n, FirstRepository,
			LastRepository)
	}
}
