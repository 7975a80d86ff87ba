package lightermancmd

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestImageLeavesOutRules builds the program of the image. It has none of the library that evaluates the API's rules, and says so in
// place of injecting a profile that nothing has checked.
func TestImageLeavesOutRules(t *testing.T) {
	const evaluator, root = "github.com/google/cel-go/cel", "../../.."
	if !dependsOn(t, root, "", evaluator) {
		t.Errorf("the command-line program does not use %s: this test looks for the wrong package", evaluator)
	}
	if dependsOn(t, root, "lighterman_image", evaluator) {
		t.Errorf("the program of the image uses %s", evaluator)
	}
	program := filepath.Join(t.TempDir(), "lighterman")
	runGo(t, root, "build", "-tags=lighterman_image", "-o", program, ".")
	command := exec.CommandContext(t.Context(), program, "inject", "-f", "-", "--profile", writeFile(t, profileYAML))
	command.Stdin = strings.NewReader(podYAML)
	out, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "use the command-line program") || strings.Contains(string(out), "kind: Pod") {
		t.Errorf("%v: %s", err, out)
	}
}

// dependsOn reports whether the program uses a package when it is built with the tags.
func dependsOn(t *testing.T, root, tags, pkg string) bool {
	t.Helper()
	return strings.Contains("\n"+runGo(t, root, "list", "-tags="+tags, "-deps", "."), "\n"+pkg+"\n")
}

func runGo(t *testing.T, dir string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", args...)
	command.Dir = dir
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go %s: %v", args[0], err)
	}
	return string(out)
}
