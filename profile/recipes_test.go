package profile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// The tests in this file find the steps of the recipes in CONTRIBUTING.md that were forgotten, where no other test does.

// TestToolRecipe is on "How to add a tool".
func TestToolRecipe(t *testing.T) {
	t.Parallel()
	enum := enumOfCRD(t, "tools", "items")
	valid := readAll(t, "../e2e/testdata/profiles/valid/*.yaml")
	reference, changelog := readText(t, "../docs/profile.md"), strings.ToLower(readText(t, "../CHANGELOG.md"))
	for _, name := range enum {
		if dialectOf(v1alpha1.Tool(name)) == nil {
			t.Errorf("%s is in the enum of Tool, and dialects in profile/tools.go has no row for it", name)
		}
	}
	for _, d := range dialects {
		name := string(d.name)
		if !slices.Contains(enum, name) {
			t.Errorf("%s is not in the enum of Tool in api/v1alpha1/profile_types.go, or make generate did not run", name)
		}
		file := "tool_" + strings.ReplaceAll(name, "-", "") + ".go"
		if _, err := os.Stat(file); err != nil {
			t.Errorf("the row of %s belongs in profile/%s: %v", name, file, err)
		}
		if d.version == "" {
			t.Errorf("the row of %s has no version in which it was read", name)
		}
		if !hasWord(valid, name) {
			t.Errorf("no profile in e2e/testdata/profiles/valid names the tool %s", name)
		}
		if !strings.Contains(reference, "`"+name+"`") {
			t.Errorf("docs/profile.md does not list the tool %s", name)
		}
		if !strings.Contains(changelog, name) {
			t.Errorf("CHANGELOG.md has no line on the tool %s", name)
		}
	}
	if names := enumNames(dialects[:], func(d *dialect) string { return string(d.name) }); !slices.Equal(enum, names) {
		t.Errorf("the enum of Tool is %v, and dialects in profile/tools.go has %v: write both in one order", enum, names)
	}
}

// TestSecretsOfToolsHaveGroups is on the step "groups" of that recipe: a key that a tool reads says who the pod is.
func TestSecretsOfToolsHaveGroups(t *testing.T) {
	t.Parallel()
	for _, d := range dialects {
		for i := range stores {
			for j := range stores[i].modes {
				s, m := &stores[i], &stores[i].modes[j]
				if d.cellsFor(s).modes[m.Name].unsupportedReason != "" {
					continue
				}
				for _, v := range variables(t, d, s, m) {
					if isSecret := v.ValueFrom != nil || strings.Contains(v.Value, "$(AWS_SECRET"); isSecret && v.Groups == 0 {
						t.Errorf("%s adds the secret %s without a group: name the group, and put the variable into the row's groups", d.name, v.Name)
					}
				}
			}
		}
	}
}

// TestPresetRecipe is on "How to add an S3 preset".
func TestPresetRecipe(t *testing.T) {
	t.Parallel()
	enum := enumOfCRD(t, "s3", "properties", "preset")
	crd := strings.Join(strings.Fields(readText(t, crdFile)), " ")
	valid, golden := readAll(t, "../e2e/testdata/profiles/valid/*.yaml"), readAll(t, "../injector/testdata/s3-preset-*/profile.yaml")
	reference, changelog := readText(t, "../docs/profile.md"), readText(t, "../CHANGELOG.md")
	for _, name := range enum {
		if presetOf(&v1alpha1.S3Store{Preset: v1alpha1.S3Preset(name)}) == nil {
			t.Errorf("%s is in the enum of S3Preset, and presets in profile/presets.go has no row for it", name)
		}
	}
	for i := range presets {
		p := &presets[i]
		name, quoted := string(p.name), "'"+string(p.name)+"'"
		if !slices.Contains(enum, name) {
			t.Errorf("%s is not in the enum of S3Preset in api/v1alpha1/s3_types.go, or make generate did not run", name)
		}
		if p.rclone == "" {
			t.Errorf("the row of %s has no provider of rclone", name)
		}
		isAWS := p.name == v1alpha1.PresetAWS
		if needs := p.endpoint == "" && !isAWS; needs != ruleLists(t, crd, "endpoint is required for this preset", quoted) {
			t.Errorf("%s needs an endpoint: %v, and the rule on S3Store in api/v1alpha1/s3_types.go says otherwise", name, needs)
		}
		if needs := p.region == "" && !isAWS; needs != ruleLists(t, crd, "region is required for this preset", quoted) {
			t.Errorf("%s needs a region: %v, and the rule on S3Store in api/v1alpha1/s3_types.go says otherwise", name, needs)
		}
		if !strings.Contains(reference, p.documentation()) {
			t.Errorf("docs/profile.md lacks the row: %s", p.documentation())
		}
		if !hasWord(changelog, name) {
			t.Errorf("CHANGELOG.md has no line on the preset %s", name)
		}
		if !isAWS && !hasWord(golden, name) {
			t.Errorf("no golden case injector/testdata/s3-preset-* has the preset %s", name)
		}
		if !hasWord(valid, name) {
			t.Errorf("no profile in e2e/testdata/profiles/valid has the preset %s", name)
		}
	}
}

// documentation returns the preset's row of the table in docs/profile.md.
func (p *preset) documentation() string {
	endpoint, region, pathStyle, checksums := "required", "required", "no", "the SDK's"
	if p.endpoint != "" {
		endpoint = "`" + p.endpoint + "`"
	}
	if p.region != "" {
		region = "`" + p.region + "`"
	}
	if p.name == v1alpha1.PresetAWS {
		endpoint, region = "the SDK's", "required¹"
	}
	if p.pathStyle {
		pathStyle = "yes"
	}
	if p.checksums != "" {
		checksums = "`" + string(p.checksums) + "`"
	}
	return "| `" + string(p.name) + "` | " + strings.Join([]string{endpoint, region, pathStyle, checksums}, " | ") + " |\n"
}

// TestAuthModeRecipe is on "How to add an auth mode"; TestAuthModesOfAPI, TestStorePages and TestGoldenCases find its other steps.
func TestAuthModeRecipe(t *testing.T) {
	t.Parallel()
	changelog := readText(t, "../CHANGELOG.md")
	for i := range stores {
		s := &stores[i]
		refused := readText(t, "../e2e/testdata/profiles/invalid/"+s.Name+"-auth-none.yaml")
		valid := readAll(t, "../e2e/testdata/profiles/valid/*.yaml")
		for j := range s.modes {
			m := &s.modes[j]
			if !strings.Contains(changelog, "`"+m.Name+"`") {
				t.Errorf("CHANGELOG.md has no line on %s.auth.%s", s.Name, m.Name)
			}
			if !hasWord(refused, m.Name) {
				t.Errorf("e2e/testdata/profiles/invalid/%s-auth-*.yaml do not list the mode %s", s.Name, m.Name)
			}
			if !hasWord(valid, m.Name) {
				t.Errorf("no profile in e2e/testdata/profiles/valid has %s.auth.%s", s.Name, m.Name)
			}
			e := rendered(example(t, s, m))
			e.Vars = nil
			e.addIdentity()
			for k := range e.Vars {
				if v := &e.Vars[k]; v.Groups == 0 {
					t.Errorf("the row of %s.auth.%s adds %s without a group: name the group, and put the variable into groupsByVariable", s.Name, m.Name, v.Name)
				}
			}
		}
	}
}

const crdFile = "../charts/lighterman/files/crds/lighterman.dev_credentialprofiles.yaml"

// enumOfCRD returns the values that the CRD allows at a path below the properties of spec.
func enumOfCRD(t *testing.T, path ...string) []string {
	t.Helper()
	var crd any
	if err := yaml.Unmarshal([]byte(readText(t, crdFile)), &crd); err != nil {
		t.Fatal(err)
	}
	at := crd.(map[string]any)["spec"].(map[string]any)["versions"].([]any)[0]
	for _, key := range append([]string{"schema", "openAPIV3Schema", "properties", "spec", "properties"}, append(path, "enum")...) {
		at = at.(map[string]any)[key]
	}
	return enumNames(at.([]any), func(v any) string { return v.(string) })
}

func enumNames[T any](values []T, name func(T) string) []string {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = name(v)
	}
	return names
}

// ruleLists reports whether the CRD's rule with a message lists a value. The rule is behind the message.
func ruleLists(t *testing.T, crd, message, value string) bool {
	t.Helper()
	_, behind, ok := strings.Cut(crd, message)
	rule, _, ok2 := strings.Cut(behind, "])")
	if !ok || !ok2 {
		t.Fatalf("no rule with the message %q", message)
	}
	return strings.Contains(strings.ReplaceAll(rule, "''", "'"), value)
}

// hasWord reports whether a text has a name by itself, not as a part of a longer one.
func hasWord(text, name string) bool {
	return slices.Contains(strings.FieldsFunc(text, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}), name)
}

func readText(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readAll returns the texts of the files that match a pattern, one behind the other.
func readAll(t *testing.T, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatal(pattern, err, len(files))
	}
	var b strings.Builder
	for _, file := range files {
		b.WriteString(readText(t, file))
	}
	return b.String()
}
