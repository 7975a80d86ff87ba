package profile

import (
	"cmp"
	"fmt"
	"maps"
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
	// identities and rivals are as in store, for what only this tool reads.
	identities []Identity
	rivals     []Rival
}

// cells say what a tool reads of one store.
type cells struct {
	// env adds the location and the CA bundle, in every mode that the tool can use; nil: those of the SDKs are enough.
	env func(*Environment)
	// refuse returns why the tool cannot use the location, and what to use instead; empty: it can. Nil: likewise.
	refuse func(*v1alpha1.CredentialProfileSpec) string
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
	refuse func(*v1alpha1.CredentialProfileSpec) string
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

// rejectIf returns c with a check of the location.
func (c cells) rejectIf(refuse func(*v1alpha1.CredentialProfileSpec) string) cells {
	c.refuse = refuse
	return c
}

// SDK is the dialect that every container gets.
const SDK = "sdk"

// KnownTools are the dialects of the API, in its order, and SDK, which is always injected.
var KnownTools = []string{
	SDK, "barman", "restic", "rclone", "wal-g", "pgbackrest", "kopia", "velero", "litestream", "xbcloud", "mc",
	"duplicity", "s3proxy",
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

// refusal returns why the tool cannot use the profile; empty: it can.
func (d *dialect) refusal(e *Environment) string {
	c := d.cellsFor(e.Store)
	mode := c.modes[e.Mode.Name]
	if mode.unsupportedReason != "" {
		return mode.unsupportedReason
	}
	for _, refuse := range []func(*v1alpha1.CredentialProfileSpec) string{c.refuse, mode.refuse} {
		if refuse != nil {
			if why := refuse(e.Spec); why != "" {
				return why
			}
		}
	}
	return ""
}

// addToolEnv adds the variables of the tools, behind those of the SDKs.
func (e *Environment) addToolEnv(tools []v1alpha1.Tool) {
	for _, name := range tools {
		d := dialectOf(name)
		e.tool = name
		c := d.cellsFor(e.Store)
		if c.env != nil {
			c.env(e)
		}
		if mode := c.modes[e.Mode.Name]; mode.env != nil {
			mode.env(e)
		}
	}
	e.tool = ""
	e.settleCABundle()
}

// checkTools finds the tools that cannot use the profile, and those that cannot be used together. field is where they are
// named; empty: spec.tools.
func (p *problems) checkTools(spec *v1alpha1.CredentialProfileSpec, tools []v1alpha1.Tool, field string) {
	if len(tools) == 0 {
		return
	}
	s := storeOf(spec)
	// Which the paths are does not decide anything.
	e := Environment{Spec: spec, Store: s, Mode: s.modeOf(spec), Files: Files{Token: "/token", Credentials: "/credentials"}}
	if spec.CABundle != nil {
		e.Files.CA = "/ca"
	}
	good := make([]v1alpha1.Tool, 0, len(tools))
	for i, tool := range tools {
		at := cmp.Or(field, fmt.Sprintf("spec.tools[%d]", i))
		d := dialectOf(tool)
		switch {
		case d == nil:
			p.invalid("%s: there is no tool %q; known are %s", at, tool, strings.Join(KnownTools, ", "))
			continue
		case d.refusal(&e) != "":
			p.cannot("%s: %s cannot be used with %s.auth.%s of this profile: %s", at, tool, s.Name, e.Mode.Name, d.refusal(&e))
			continue
		}
		good = append(good, tool)
	}
	e.Render(good)
	for _, conflict := range e.conflicts {
		p.cannot("%s: %s", cmp.Or(field, "spec.tools"), conflict)
	}
}
