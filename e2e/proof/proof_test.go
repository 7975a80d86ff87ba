package proof

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"lighterman.dev/lighterman/internal/test/toolmatrix"

	"lighterman.dev/lighterman/e2e/harness/tools"
)

// TestServers compares the versions that the documentation shows with those that are built.
func TestServers(t *testing.T) {
	_, versions, err := Programs()
	if err != nil {
		t.Fatal(err)
	}
	b, err := tools.NewBuilder(t.Output())
	if err != nil {
		t.Fatal(err)
	}
	pinned := map[string]string{"azurite": azuriteVersion(t, b.Source)}
	for _, tool := range []tools.Tool{tools.Versitygw(), tools.FakeGCSServer()} {
		version, err := b.Version(tool)
		if err != nil {
			t.Fatal(err)
		}
		pinned[tool.Name] = strings.TrimPrefix(version, "v")
	}
	if diff := cmp.Diff(toolmatrix.Servers(pinned), versions); diff != "" {
		t.Errorf("servers.yaml differs from what is pinned in hack/tools (-pinned +servers.yaml):\n%s", diff)
	}
}

func azuriteVersion(t *testing.T, source string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(source, "hack", "tools", "azurite", "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Dependencies map[string]string `json:"dependencies"`
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	return manifest.Dependencies["azurite"]
}

func TestSaysVersion(t *testing.T) {
	tests := map[string]struct {
		log, version string
		want         bool
	}{
		"among other words":  {"version: restic 0.18.1 compiled with go1.26\nx", "0.18.1", true},
		"with a v":           {"version: rclone v1.76.0\n", "1.76.0", true},
		"with a build":       {"version: v2.3.0-dev\n", "2.3.0", true},
		"at the end of all":  {"version: 3.4.0", "3.4.0", true},
		"another one":        {"version: restic 0.18.10\n", "0.18.1", false},
		"on another line":    {"version: none\nrestic 0.18.1\n", "0.18.1", false},
		"nothing is printed": {"", "0.18.1", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if said, ok := SaysVersion(test.log, test.version); ok != test.want {
				t.Errorf("%v: %q", ok, said)
			}
		})
	}
}

// TestScripts fails for a script that compares nothing, and for an image that nobody builds.
func TestScripts(t *testing.T) {
	programs, _, err := Programs()
	if err != nil {
		t.Fatal(err)
	}
	for i := range programs {
		for j := range programs[i].Proofs {
			script, err := Script(&programs[i], &programs[i].Proofs[j])
			if err != nil {
				t.Fatal(err)
			}
			_, own, _ := strings.Cut(script, "\n"+begin)
			if !strings.Contains(own, "\nsame_files ") && !strings.Contains(own, "\nrecover_database ") {
				t.Errorf("%s, %s: the script compares nothing", programs[i].Name, programs[i].Proofs[j].Store)
			}
			if _, ok := images[programs[i].Image]; !ok {
				t.Errorf("%s: there is no image %s", programs[i].Name, programs[i].Image)
			}
		}
	}
}
