package tools

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// ErrNoNPM reports that Azurite cannot be built on this machine.
var ErrNoNPM = errors.New("node and npm, to build Azurite; on Debian: apt-get install nodejs npm")

// azuriteEntry is the blob service alone: neither queues nor tables.
const azuriteEntry = "node_modules/azurite/dist/src/blob/main.js"

// bundleFlags make one script of Azurite and what it requires. The externals are loaded only by those who choose them.
var bundleFlags = []string{
	"--bundle", "--minify", "--platform=node", "--target=node22", "--legal-comments=none", "--log-level=error",
	"--external:vscode", "--external:pg-hstore", "--external:sqlite3",
}

// Azurite returns the directory of Azure Blob Storage's emulator: azurite.js, the node that runs it, and below root/ the shared
// libraries that node needs, at their paths. It is built when the cache lacks it.
func (b *Builder) Azurite(ctx context.Context) (string, error) {
	source := filepath.Join(b.Source, "hack", "tools", "azurite")
	key, err := azuriteKey(source)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(b.Cache, "tools", key)
	return dir, b.Once(dir, "azurite", func(temp string) error {
		for _, program := range []string{"node", "npm"} {
			if _, err := exec.LookPath(program); err != nil {
				return ErrNoNPM
			}
		}
		start := time.Now()
		b.logf("building %s (once; kept in %s)", key, dir)
		if err := bundleAzurite(ctx, source, temp); err != nil {
			return err
		}
		b.logf("built %s in %s", key, time.Since(start).Round(time.Second))
		return nil
	})
}

// azuriteKey names the directory in the cache: readable version first, then a hash of all that decides what is in it.
func azuriteKey(source string) (string, error) {
	hash := sha256.New()
	var manifest struct {
		Dependencies map[string]string `json:"dependencies"`
	}
	for _, name := range []string{"package-lock.json", "package.json"} {
		data, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", fmt.Errorf("hash packages of azurite: %w", err)
		}
		fmt.Fprintf(hash, "%s %d\n%s", name, len(data), data)
		if name == "package.json" {
			if err := json.Unmarshal(data, &manifest); err != nil {
				return "", fmt.Errorf("read %s: %w", name, err)
			}
		}
	}
	fmt.Fprintf(hash, "%s %q %s/%s", azuriteEntry, bundleFlags, runtime.GOOS, runtime.GOARCH)
	return fmt.Sprintf("azurite@v%s-%s", manifest.Dependencies["azurite"], hex.EncodeToString(hash.Sum(nil))[:10]), nil
}

func bundleAzurite(ctx context.Context, source, out string) error {
	work := filepath.Join(out, "work")
	if err := os.Mkdir(work, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		data, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(work, name), data, 0o644); err != nil {
			return err
		}
	}
	err := run(ctx, work, os.Environ(), "npm", "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund")
	if err != nil {
		return err
	}
	args := append([]string{azuriteEntry, "--outfile=" + filepath.Join(out, "azurite.js")}, bundleFlags...)
	if err := run(ctx, work, os.Environ(), filepath.Join(work, "node_modules", ".bin", "esbuild"), args...); err != nil {
		return err
	}
	found, err := filepath.Glob(filepath.Join(work, "node_modules", "node-linux-*", "bin", "node"))
	if err != nil || len(found) != 1 {
		return fmt.Errorf("no package carries node for %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	node := filepath.Join(out, "node")
	if err := os.Rename(found[0], node); err != nil {
		return err
	}
	if err := copyLibraries(ctx, node, filepath.Join(out, "root")); err != nil {
		return err
	}
	return os.RemoveAll(work)
}

// libraryPath is a file in what ldd prints: "libm.so.6 => /lib/libm.so.6 (0x…)", and the loader alone.
var libraryPath = regexp.MustCompile(`(?m)(?:=>\s+|^\s*)(/\S+) \(0x`)

// copyLibraries copies the machine's shared libraries that a program needs to their paths below root.
func copyLibraries(ctx context.Context, program, root string) error {
	listing, err := exec.CommandContext(ctx, "ldd", program).Output()
	if err != nil {
		return fmt.Errorf("list libraries of %s: %w", program, err)
	}
	if strings.Contains(string(listing), "not found") {
		return fmt.Errorf("node needs libraries that are missing here:\n%s", listing)
	}
	for _, match := range libraryPath.FindAllStringSubmatch(string(listing), -1) {
		data, err := os.ReadFile(match[1])
		if err != nil {
			return err
		}
		target := filepath.Join(root, match[1])
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(target, data, 0o755); err != nil {
			return err
		}
	}
	return nil
}
