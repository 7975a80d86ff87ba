package uploadercmd

import (
	"os/exec"
	"strings"
	"testing"
)

// TestProgramLinksNoKubernetes: the sidecar runs in every backup pod, and stays small.
func TestProgramLinksNoKubernetes(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "lighterman.dev/lighterman/cmd/uploader").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), "lighterman.dev/lighterman/internal/cli/uploadercmd\n") {
		t.Fatalf("the program does not import its commands:\n%s", out)
	}
	for name := range strings.Lines(string(out)) {
		if strings.HasPrefix(name, "k8s.io/") || strings.HasPrefix(name, "sigs.k8s.io/") {
			t.Errorf("the program imports %s", name)
		}
	}
}
