package tools

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKey(t *testing.T) {
	const gomod = "module x\n\ngo 1.26.0\n\nrequire example.com/tool v1.2.3\n"
	tool := Tool{Name: "tool", Module: "example.com/tool", Packages: []string{"example.com/tool"}, LDFlags: "-X v=VERSION"}
	key := func(t *testing.T, tool Tool, gosum, goVersion string) string {
		t.Helper()
		dir := t.TempDir()
		write(t, filepath.Join(dir, "go.mod"), gomod)
		write(t, filepath.Join(dir, "go.sum"), gosum)
		version, err := tool.version(dir)
		if err != nil {
			t.Fatal(err)
		}
		k, err := tool.key(dir, version, goVersion)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	base := key(t, tool, "sums", "go1.26.8")
	if !strings.HasPrefix(base, "tool@v1.2.3-") {
		t.Errorf("key %q does not begin with name and version", base)
	}
	if again := key(t, tool, "sums", "go1.26.8"); again != base {
		t.Errorf("the same module has keys %q and %q", base, again)
	}
	tagged := tool
	tagged.Tags = []string{"seccomp"}
	for name, other := range map[string]string{
		"go.sum":    key(t, tool, "other sums", "go1.26.8"),
		"tags":      key(t, tagged, "sums", "go1.26.8"),
		"toolchain": key(t, tool, "sums", "go1.27.0"),
	} {
		if other == base {
			t.Errorf("a change of %s does not change the key", name)
		}
	}
}

func TestFlagsCarryTheVersion(t *testing.T) {
	flags := strings.Join(Kubernetes().flags("v1.37.1"), " ")
	for _, want := range []string{".gitVersion=v1.37.1 ", ".gitMajor=1 ", ".gitMinor=37 "} {
		if !strings.Contains(flags, want) {
			t.Errorf("flags lack %q: %s", want, flags)
		}
	}
}

// TestCatalog checks that each tool's module is there and pins what the catalog says.
func TestCatalog(t *testing.T) {
	b, err := NewBuilder(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range append(ForCluster(), Versitygw(), FakeGCSServer(), Helm()) {
		version, err := tool.version(b.moduleDir(tool))
		if err != nil {
			t.Error(err)
		}
		if !strings.HasPrefix(version, "v") {
			t.Errorf("%s has version %q", tool.Name, version)
		}
	}
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
