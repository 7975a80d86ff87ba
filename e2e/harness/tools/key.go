package tools

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/mod/modfile"
)

// version reads the tool's version from its module's go.mod.
func (t Tool) version(moduleDir string) (string, error) {
	path := filepath.Join(moduleDir, "go.mod")
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read version of %s: %w", t.Name, err)
	}
	file, err := modfile.Parse(path, data, nil)
	if err != nil {
		return "", fmt.Errorf("read version of %s: %w", t.Name, err)
	}
	for _, r := range file.Require {
		if r.Mod.Path == t.Module {
			return r.Mod.Version, nil
		}
	}
	return "", fmt.Errorf("read version of %s: %s does not require %s", t.Name, path, t.Module)
}

// key names the tool's directory in the cache: readable version first, then a hash of all that decides the binary.
func (t Tool) key(moduleDir, version, goVersion string) (string, error) {
	hash := sha256.New()
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		data, err := os.ReadFile(filepath.Join(moduleDir, name))
		if err != nil && (name != "main.go" || !os.IsNotExist(err)) {
			return "", fmt.Errorf("hash module of %s: %w", t.Name, err)
		}
		fmt.Fprintf(hash, "%s %d\n%s", name, len(data), data)
	}
	fmt.Fprintf(hash, "%q %q %s/%s %s", t.Packages, t.flags(version), runtime.GOOS, runtime.GOARCH, goVersion)
	return fmt.Sprintf("%s@%s-%s", t.Name, version, hex.EncodeToString(hash.Sum(nil))[:10]), nil
}

// flags are the go command's, and "static" or "cgo" for the environment that goes with them.
func (t Tool) flags(version string) []string {
	flags := []string{"-buildvcs=false"}
	if len(t.Tags) > 0 {
		flags = append(flags, "-tags="+strings.Join(t.Tags, ","))
	}
	if t.LDFlags != "" {
		major, minor := majorMinor(version)
		flags = append(flags, "-ldflags="+strings.NewReplacer("VERSION", version, "MAJOR", major, "MINOR", minor).Replace(t.LDFlags))
	}
	return flags
}

func majorMinor(version string) (major, minor string) {
	major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor, _, _ = strings.Cut(rest, ".")
	return major, minor
}
