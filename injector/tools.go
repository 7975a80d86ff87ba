package injector

import (
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
	// groups are those of variables that only this tool reads, as groupOf has them for all. They count where the tool is
	// named.
	groups map[string]group
	// identities and rivals are as in store, for what only this tool reads.
	identities []wholeIdentity
	rivals     []rival
}

// cells say what a tool reads of one store.
type cells struct {
	// env adds the location and the CA bundle, in every mode that the tool can use; nil: those of the SDKs are enough.
	env func(*environment)
	// refuse says why the tool cannot use the location, and what to use instead; empty: it can. Nil: likewise.
	refuse func(*v1alpha1.CredentialProfileSpec) string
	// modes has a cell for each auth mode, by its name.
	modes map[string]cell
}

// cell is one auth mode in the words of one tool.
type cell struct {
	// no says why the tool cannot use the mode, and what to use instead. It is shown to the user verbatim.
	no string
	// env adds the identity; nil: the variables of the SDKs are enough.
	env func(*environment)
	// refuse is as in cells, for what only this mode's fields decide.
	refuse func(*v1alpha1.CredentialProfileSpec) string
	// note is for the documentation.
	note string
}

func yes(note string) cell { return cell{note: note} }

func with(env func(*environment)) cell { return cell{env: env} }

func unsupported(why string) cell { return cell{no: why} }

// noneOf refuses a whole store.
func noneOf(s *store, why string) cells {
	c := cells{modes: make(map[string]cell, len(s.modes))}
	for i := range s.modes {
		c.modes[s.modes[i].name] = unsupported(why)
	}
	return c
}

// allOf gives every mode of a store the same cell.
func allOf(s *store, same cell, env func(*environment)) cells {
	c := cells{env: env, modes: make(map[string]cell, len(s.modes))}
	for i := range s.modes {
		c.modes[s.modes[i].name] = same
	}
	return c
}

// but gives c with other cells for some modes.
func (c cells) but(other map[string]cell) cells {
	maps.Copy(c.modes, other)
	return c
}

// unless gives c with a check of the location.
func (c cells) unless(refuse func(*v1alpha1.CredentialProfileSpec) string) cells {
	c.refuse = refuse
	return c
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

func (d *dialect) of(s *store) *cells {
	switch s.name {
	case azureStore.name:
		return &d.azure
	case gcsStore.name:
		return &d.gcs
	}
	return &d.s3
}

// refusal says why the tool cannot use the profile; empty: it can.
func (d *dialect) refusal(e *environment) string {
	c := d.of(e.store)
	mode := c.modes[e.mode.name]
	if mode.no != "" {
		return mode.no
	}
	for _, refuse := range []func(*v1alpha1.CredentialProfileSpec) string{c.refuse, mode.refuse} {
		if refuse != nil {
			if why := refuse(e.spec); why != "" {
				return why
			}
		}
	}
	return ""
}

// speak adds the variables of the tools, behind those of the SDKs.
func (e *environment) speak(tools []v1alpha1.Tool) {
	for _, name := range tools {
		d := dialectOf(name)
		e.tool = name
		c := d.of(e.store)
		if c.env != nil {
			c.env(e)
		}
		if mode := c.modes[e.mode.name]; mode.env != nil {
			mode.env(e)
		}
	}
	e.tool = ""
	e.settleCABundle()
}

// toolsOf gives the tools of a pod: those of its annotation, else those of the profile. "sdk" is always there.
func toolsOf(m *Metadata, spec *v1alpha1.CredentialProfileSpec) (tools []v1alpha1.Tool, field string) {
	value, set := m.Annotations[AnnotationTools]
	if !set {
		return spec.Tools, ""
	}
	for _, name := range splitList(value) {
		if tool := v1alpha1.Tool(name); name != sdk && !slices.Contains(tools, tool) {
			tools = append(tools, tool)
		}
	}
	return tools, "annotation " + AnnotationTools
}

// checkTools finds the tools that cannot use the profile, and those that cannot be used together. field is where they are
// named; empty: spec.tools.
func (p *problems) checkTools(spec *v1alpha1.CredentialProfileSpec, tools []v1alpha1.Tool, field string) {
	if len(tools) == 0 {
		return
	}
	s := storeOf(spec)
	// The paths are those of Linux: which they are does not decide anything.
	e := environment{spec: spec, store: s, mode: s.mode(spec), files: files{
		token: MountPath + "/" + tokenFile, credentials: MountPath + "/" + s.mode(spec).fileName,
	}}
	if spec.CABundle != nil {
		e.files.ca = MountPath + "/" + caFile
	}
	good := make([]v1alpha1.Tool, 0, len(tools))
	for i, tool := range tools {
		at := or(field, fmt.Sprintf("spec.tools[%d]", i))
		d := dialectOf(tool)
		switch {
		case d == nil:
			p.invalid("%s: there is no tool %q; known are %s", at, tool, strings.Join(knownTools, ", "))
			continue
		case d.refusal(&e) != "":
			p.cannot("%s: %s cannot be used with %s.auth.%s of this profile: %s", at, tool, s.name, e.mode.name, d.refusal(&e))
			continue
		}
		good = append(good, tool)
	}
	e.render(good)
	for _, conflict := range e.conflicts {
		p.cannot("%s: %s", or(field, "spec.tools"), conflict)
	}
}
