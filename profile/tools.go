package profile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// dialect is what one backup tool reads, as data: for each store and each of its auth modes a cell.
type dialect struct {
	name v1alpha1.Tool
	// version is the one in which the rows were read.
	version        string
	s3, azure, gcs cells
	// groups are those of variables that only this tool reads, as groupsByVariable has them for all. They count where the tool is
	// named.
	groups map[string]Group
	// takesTenant: it takes tenant:bucket.
	takesTenant bool
	// hasOwnLocation: it is told its bucket elsewhere, and knows nothing of the profile's.
	hasOwnLocation bool
	// identities and rivals are as in store, for what only this tool reads.
	identities []Identity
	rivals     []Rival
	// places are the variables by which the tool knows where its archive is, as opposed to who it is and by what endpoint: those
	// that spec.toolOptions.location leaves out. Those in archives hold the prefix: who has the same has the same archive.
	places, archives []string
	// sharing is what the tool does to an archive that two workloads share, as a part of a sentence.
	sharing string
	// endpoints are the variables by which a program is told which host to ask, with their meanings.
	endpoints map[string]leadsElsewhere
	// repository is the group of what the names with the prefix are about: where a container has it itself, it gets none of
	// them. Empty: the tool has no such names.
	prefix     string
	repository Group
	// proxy is how the tool takes a proxy from variables, for the documentation; ignoresProxy is why it does not, and what to do.
	// One of them is set.
	proxy, ignoresProxy string
	// rename returns the name of a variable that the row has for another one; nil: its own.
	rename func(string) string
}

// cells hold what a tool reads of one store.
type cells struct {
	// env adds the location and the CA bundle, in every mode that the tool can use; nil: those of the SDKs are enough.
	env func(*Environment)
	// refuse returns why the tool cannot use the location, and what to use instead; empty: it can. Nil: likewise.
	refuse func(*Resolved) string
	// modes has a cell for each auth mode, by its name.
	modes map[string]cell
}

// cell is one auth mode in the words of one tool.
type cell struct {
	// unsupportedReason is why the tool cannot use the mode, and what to use instead. It is shown to the user verbatim.
	unsupportedReason string
	// env adds the identity; nil: the variables of the SDKs are enough.
	env func(*Environment)
	// refuse is as in cells, for what only this mode's fields decide.
	refuse func(*Resolved) string
	// chain is for webIdentity with a role that the first one assumes.
	chain chainCell
	// note is for the documentation.
	note string
}

func supported(note string) cell { return cell{note: note} }

func withEnv(env func(*Environment)) cell { return cell{env: env} }

func unsupported(why string) cell { return cell{unsupportedReason: why} }

// noneSupported refuses a whole store.
func noneSupported(s *Store, why string) cells {
	c := cells{modes: make(map[string]cell, len(s.modes))}
	for i := range s.modes {
		c.modes[s.modes[i].Name] = unsupported(why)
	}
	return c
}

// allSupported returns cells in which every mode of a store has the same one.
func allSupported(s *Store, same cell, env func(*Environment)) cells {
	c := cells{env: env, modes: make(map[string]cell, len(s.modes))}
	for i := range s.modes {
		c.modes[s.modes[i].Name] = same
	}
	return c
}

// override returns c with other cells for some modes.
func (c cells) override(other map[string]cell) cells {
	c.modes = maps.Clone(c.modes)
	maps.Copy(c.modes, other)
	return c
}

// rejectIf returns c with checks of the location.
func (c cells) rejectIf(refusals ...func(*Resolved) string) cells {
	if c.refuse != nil {
		refusals = append([]func(*Resolved) string{c.refuse}, refusals...)
	}
	c.refuse = refuseAny(refusals...)
	return c
}

// SDK is the dialect that every container gets.
const SDK = "sdk"

// KnownTools are SDK, which is always injected, and the tools of the API in its order.
var KnownTools = knownTools()

func knownTools() []string {
	names := make([]string, 0, 1+len(dialects))
	names = append(names, SDK)
	for _, d := range dialects {
		names = append(names, string(d.name))
	}
	return names
}

// dialects has a row for each Tool of the API, in its order.
var dialects = [...]*dialect{
	&barman, &restic, &rclone, &walG, &pgbackrest, &kopia, &velero, &litestream, &xbcloud, &mc, &duplicity, &s3proxy,
}

func dialectOf(name v1alpha1.Tool) *dialect {
	for _, d := range dialects {
		if d.name == name {
			return d
		}
	}
	return nil
}

func (d *dialect) cellsFor(s *Store) *cells {
	switch s.Name {
	case azureStore.Name:
		return &d.azure
	case gcsStore.Name:
		return &d.gcs
	}
	return &d.s3
}

// findRefusal returns why the tool cannot use the profile; empty: it can.
func (d *dialect) findRefusal(r *Resolved) string {
	if !d.hasOwnLocation {
		if why := r.findBucketRefusal(d.takesTenant); why != "" {
			return why
		}
	}
	c := d.cellsFor(r.Store)
	mode := c.modes[r.Mode.Name]
	if mode.unsupportedReason != "" {
		return mode.unsupportedReason
	}
	if r.assumesRole() && mode.chain.unsupportedReason != "" {
		return mode.chain.unsupportedReason
	}
	for _, refuse := range []func(*Resolved) string{c.refuse, mode.refuse} {
		if refuse != nil {
			if why := refuse(r); why != "" {
				return why
			}
		}
	}
	return ""
}

// addToolEnv adds the variables of the tools, behind those of the SDKs.
func (e *Environment) addToolEnv() {
	for _, d := range e.dialects {
		e.tool, e.row = d.name, d
		c := d.cellsFor(e.Store)
		if c.env != nil {
			c.env(e)
		}
		mode := c.modes[e.Mode.Name]
		if mode.env != nil {
			mode.env(e)
		}
		if mode.chain.env != nil && e.assumesRole() {
			mode.chain.env(e)
		}
	}
	e.tool, e.row = "", nil
	e.settleCABundle()
	e.settleRoles()
}

// checkTools finds the tools that cannot use the profile. field is where they are named; empty: spec.tools.
func (p *problems) checkTools(r *Resolved, field string) {
	for i, tool := range r.Tools {
		at := cmp.Or(field, fmt.Sprintf("spec.tools[%d]", i))
		d := r.dialects[i]
		if d == nil {
			p.addInvalid(at, "there is no tool %q; known are %s", tool, strings.Join(KnownTools, ", "))
		} else if why := d.findRefusal(r); why != "" {
			p.addUnsupported(at, "%s cannot be used with %s.auth.%s of this profile: %s", tool, r.Store.Name, r.Mode.Name, why)
		}
	}
}

// usableDialects returns the rows of the tools that can use the profile.
func (r *Resolved) usableDialects() []*dialect {
	return slices.DeleteFunc(slices.Clone(r.dialects), func(d *dialect) bool { return d == nil || d.findRefusal(r) != "" })
}

// checkConflicts finds the tools that cannot be used together, by what was rendered for them.
func (p *problems) checkConflicts(e *Environment, field string) {
	for _, conflict := range e.conflicts {
		p.addUnsupported(cmp.Or(field, "spec.tools"), "%s", conflict)
	}
}
