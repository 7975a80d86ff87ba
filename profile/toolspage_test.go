package profile

import (
	stdcmp "cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lighterman.dev/lighterman/api/v1alpha1"
)

var update = flag.Bool("update", false, "write docs/tools.md and docs/stores")

// TestToolsPage compares docs/tools.md with the tables; -update writes it.
func TestToolsPage(t *testing.T) {
	page := toolsPage(t)
	path := filepath.Join("..", "docs", "tools.md")
	if *update {
		if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	there, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(there), page); diff != "" {
		t.Errorf("%s (-want +got), run with -update:\n%s", path, diff)
	}
}

const toolsHead = `<!-- Generated from profile/tool_*.go and e2e/proof/programs by: go test ./profile -update -->

# Tools

` + "`spec.tools`" + ` of a profile, or a pod's annotation ` + "`lighterman.dev/tools`" + ` in its place, names backup tools whose own
variables are injected besides those of the cloud's SDKs, which every container gets
([environment](profile.md#environment)). A tool that cannot use a profile's store or auth mode makes the profile not
accepted and denies the pod, with the reason below.

*Proved with* names the program that was run in a pod on a real node, its version, and the server: it backed up files,
deleted them, restored them and compared, with nothing but what is injected, and with a private certificate authority.
A † says that the server had the public cloud's own names; without it the profile named the server's address. The clouds'
identity services were stand-ins that check tokens and keys as the real ones do. Brackets say which variants of the mode
were run: ` + "`plain`, `append`" + ` (a CA bundle joined with the public roots), ` + "`account`" + ` (a SAS token for the whole account),
or a field of the mode. *Rendered only* means that no program was run: a test compares what is injected with what the
tool's source reads. That source may be of another version than the program that was run.

Variables of the CA bundle, the endpoint and the project are there where the profile has one. "SDK" stands for the SDKs'
variables, which the tool reads.

`

func toolsPage(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(toolsHead)
	proved := provedWith(t)
	b.WriteString("- [sdk](#sdk)\n")
	for _, d := range dialects {
		fmt.Fprintf(&b, "- [%[1]s](#%[1]s)\n", d.name)
	}
	b.WriteString("- [Images that drop the environment](#images-that-drop-the-environment)\n")
	b.WriteString("\n## sdk\n\nWhat every container gets, for programs that need nothing else.\n\n" +
		"| store | auth mode | proved with |\n|---|---|---|\n")
	for i := range stores {
		for _, m := range stores[i].modes {
			fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", stores[i].Name, m.Name,
				stdcmp.Or(proved[SDK+"."+stores[i].Name+"."+m.Name], renderedOnly))
		}
	}
	for _, d := range dialects {
		fmt.Fprintf(&b, "\n## %s\n\nRead in version %s. %s.\n\n", d.name, d.version, proxyNote(t, d))
		b.WriteString("| store | auth mode | | why not, or what it needs | the mode's variables | proved with |\n|---|---|---|---|---|---|\n")
		var always strings.Builder
		for i := range stores {
			s := &stores[i]
			common := commonVariables(t, d, s)
			if len(common) > 0 {
				fmt.Fprintf(&always, "- `%s`, in every mode: %s\n", s.Name, code(common))
			}
			for j := range s.modes {
				b.WriteString(toolsRow(t, d, s, &s.modes[j], common, proved))
			}
			for _, why := range locationLimits(t, d, s) {
				fmt.Fprintf(&always, "- `%s`, refused for its location: %s\n", s.Name, escape(why))
			}
		}
		if len(d.archives) > 0 {
			fmt.Fprintf(&always, "- one [archive](profile.md#the-place-of-an-archive), in %s. Where two workloads share it, %s %s\n",
				code(d.archives), d.name, escape(d.sharing))
		}
		if places := slices.Concat(d.archives, d.places); len(places) > 0 {
			fmt.Fprintf(&always, "- left out with `toolOptions.location: Omit`: %s\n", code(places))
		}
		always.WriteString(groupSection(d))
		if always.Len() > 0 {
			b.WriteString("\n" + always.String())
		}
	}
	b.WriteString(laundererSections(t))
	return b.String()
}

// proxyNote says how the tool takes a proxy.
func proxyNote(t *testing.T, d *dialect) string {
	t.Helper()
	if (d.proxy == "") == (d.ignoresProxy == "") {
		t.Errorf("%s: say in its row how it takes a proxy, or why it does not", d.name)
	}
	if d.proxy != "" {
		return "Proxies: " + escape(d.proxy)
	}
	return "Proxies: none; it " + escape(d.ignoresProxy)
}

func toolsRow(t *testing.T, d *dialect, s *Store, m *Mode, common []string, proved map[string]string) string {
	t.Helper()
	cell := d.cellsFor(s).modes[m.Name]
	if cell.refuse != nil && cell.note == "" {
		t.Errorf("%s, %s.%s: say in its note what it refuses", d.name, s.Name, m.Name)
	}
	if cell.unsupportedReason != "" {
		return fmt.Sprintf("| `%s` | `%s` | no | %s | | |\n", s.Name, m.Name, escape(cell.unsupportedReason))
	}
	var own []string
	for _, v := range variables(t, d, s, m) {
		if !slices.Contains(common, v.Name) {
			own = append(own, v.Name)
		}
	}
	words := "SDK"
	if len(own) > 0 {
		words = code(own)
	}
	return fmt.Sprintf("| `%s` | `%s` | yes | %s | %s | %s |\n", s.Name, m.Name, escape(cell.note), words,
		stdcmp.Or(proved[string(d.name)+"."+s.Name+"."+m.Name], renderedOnly))
}

// variables are those that the tool adds to the SDKs'.
func variables(t *testing.T, d *dialect, s *Store, m *Mode) []Variable {
	t.Helper()
	spec := example(t, s, m)
	switch {
	case spec.S3 != nil:
		spec.S3.Endpoint = "https://s3.example.com"
	case spec.Azure != nil:
		spec.Azure.Cloud = "AzureChina"
	}
	spec.Tools = []v1alpha1.Tool{d.name}
	e := rendered(spec)
	return slices.DeleteFunc(e.Vars, func(v Variable) bool { return v.tool == "" })
}

// commonVariables are those that the tool adds in every mode that it can use, with one value.
func commonVariables(t *testing.T, d *dialect, s *Store) []string {
	t.Helper()
	var common []Variable
	first := true
	for j := range s.modes {
		if d.cellsFor(s).modes[s.modes[j].Name].unsupportedReason != "" {
			continue
		}
		vars := variables(t, d, s, &s.modes[j])
		if first {
			common, first = slices.Clone(vars), false
		}
		common = slices.DeleteFunc(common, func(v Variable) bool {
			return !slices.ContainsFunc(vars, func(w Variable) bool { return w.Name == v.Name && w.Equals(&v.EnvVar) })
		})
	}
	names := make([]string, len(common))
	for i := range common {
		names[i] = common[i].Name
	}
	return names
}

// locations are places that not every tool can use.
var locations = []func(*v1alpha1.CredentialProfileSpec){
	func(spec *v1alpha1.CredentialProfileSpec) {
		switch {
		case spec.Azure != nil:
			spec.Azure.Endpoint = "https://blobs.example.com"
		case spec.GCS != nil:
			spec.GCS.Endpoint = "https://storage.example.com"
		default:
			spec.S3.Region = ""
		}
	},
	func(spec *v1alpha1.CredentialProfileSpec) {
		switch {
		case spec.Azure != nil:
			spec.Azure.Endpoint = "https://example.com/blobs"
		case spec.GCS != nil:
			spec.GCS.Endpoint = "https://example.com/storage"
		default:
			spec.S3.Endpoint = "https://example.com/s3"
		}
	},
	func(spec *v1alpha1.CredentialProfileSpec) {
		if spec.GCS != nil {
			spec.GCS.UniverseDomain = "universe.example.com"
		}
	},
}

// locationLimits returns which locations the tool cannot use.
func locationLimits(t *testing.T, d *dialect, s *Store) []string {
	t.Helper()
	refuse := d.cellsFor(s).refuse
	if refuse == nil {
		return nil
	}
	var limits []string
	for _, locate := range locations {
		for j := range s.modes {
			spec := example(t, s, &s.modes[j])
			locate(spec)
			r := Resolve(spec)
			if why := refuse(&r); why != "" && !slices.Contains(limits, why) {
				limits = append(limits, why)
			}
		}
	}
	if len(limits) == 0 {
		t.Errorf("%s, %s: no example of what its location check refuses", d.name, s.Name)
	}
	return limits
}

// groupSection returns what a container may set itself for the tool, by group.
func groupSection(d *dialect) string {
	names := map[string][]string{}
	for name, g := range d.groups {
		word := g.String()
		switch {
		case g&(groupIdentity|groupAzure|groupGoogle) != 0:
			word = groupIdentity.String()
		case g&GroupAzureAccount != 0:
			word = GroupAzureAccount.String()
		}
		names[word] = append(names[word], name)
	}
	var b strings.Builder
	for _, word := range slices.Sorted(maps.Keys(names)) {
		slices.Sort(names[word])
		fmt.Fprintf(&b, "- %s of the container's own, [by group](profile.md#environment): %s\n", word, code(names[word]))
	}
	return b.String()
}

func code(names []string) string { return "`" + strings.Join(names, "`, `") + "`" }

func escape(text string) string {
	return strings.NewReplacer("<", "&lt;", "*", `\*`, "_", `\_`).Replace(text)
}
