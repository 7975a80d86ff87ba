package tools

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Packages returns a directory of .deb files: the named Debian packages and all that they depend on, as if for a machine on
// which nothing is installed. What they only recommend stays out, and so does what Debian takes for granted (a shell,
// coreutils, base-files): name it. name is the directory's in the cache, beside a hash of the files: another version is
// another directory. The machine's package sources are used, its database and its lists are not changed.
func (b *Builder) Packages(ctx context.Context, name string, packages ...string) (string, error) {
	for _, program := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", fmt.Errorf("download Debian packages: %s is missing, so this is not Debian or a relative", program)
		}
	}
	a, err := newApt(filepath.Join(b.Cache, "apt"))
	if err != nil {
		return "", fmt.Errorf("download Debian packages: %w", err)
	}
	// The machine's lists may know nothing, or versions that are gone: then those of the cache, and then new ones.
	attempts := []func() (apt, error){
		func() (apt, error) { return a, nil },
		func() (apt, error) { return a.withLists(), nil },
		func() (apt, error) { return a.withLists(), a.withLists().update(ctx, b) },
	}
	var failures []error
	for _, attempt := range attempts {
		a, err := attempt()
		if err == nil {
			var dir string
			if dir, err = b.download(ctx, a, name, packages); err == nil {
				return dir, nil
			}
		}
		failures = append(failures, err)
	}
	return "", fmt.Errorf("download Debian packages: %w", errors.Join(failures...))
}

func (b *Builder) download(ctx context.Context, a apt, name string, packages []string) (string, error) {
	files, err := a.closure(ctx, packages)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(b.Cache, "tools", "debs-"+name+"-"+hashOf(files))
	return dir, b.Once(dir, "debs-"+name, func(temp string) error {
		b.logf("downloading %d Debian packages for %s (kept in %s, not installed)", len(files), name, dir)
		return a.download(ctx, temp, packages)
	})
}

// apt is apt-get with an empty database of installed packages, and with state of its own.
type apt struct {
	dir     string
	options []string
}

func newApt(dir string) (apt, error) {
	status := filepath.Join(dir, "status")
	for _, d := range []string{filepath.Join(dir, "lists", "partial"), filepath.Join(dir, "cache", "archives", "partial")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return apt{}, err
		}
	}
	if err := os.WriteFile(status, nil, 0o644); err != nil {
		return apt{}, err
	}
	return apt{dir, []string{
		"-o", "Dir::State::status=" + status, "-o", "Dir::Cache=" + filepath.Join(dir, "cache"), "-o", "APT::Sandbox::User=",
		"-qq", "-y", "--no-install-recommends",
	}}, nil
}

// withLists reads lists in the cache instead of the machine's.
func (a apt) withLists() apt {
	a.options = append(slices.Clone(a.options), "-o", "Dir::State::Lists="+filepath.Join(a.dir, "lists"))
	return a
}

func (a apt) update(ctx context.Context, b *Builder) error {
	b.logf("the machine's package lists do not suffice: apt-get update into %s", a.dir)
	return run(ctx, a.dir, aptEnv(), "apt-get", append(slices.Clone(a.options), "update")...)
}

// closure lists the files to download: name, size and checksum of each, in the order of their names.
func (a apt) closure(ctx context.Context, packages []string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "apt-get", slices.Concat(a.options, []string{"--print-uris", "install"}, packages)...)
	cmd.Env = aptEnv()
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return nil, fmt.Errorf("find packages: %w: %s", err, strings.TrimSpace(string(exit.Stderr)))
		}
		return nil, fmt.Errorf("find packages: %w", err)
	}
	return parseURIs(string(out)), nil
}

// parseURIs reads lines like 'http://…/dash_0.5.12-2_amd64.deb' dash_0.5.12-2_amd64.deb 97120 MD5Sum:…, where some
// archives give no checksum. The address is left out: a mirror changes nothing.
func parseURIs(out string) []string {
	var files []string
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) >= 3 && strings.HasPrefix(line, "'") {
			files = append(files, strings.Join(fields[1:], " "))
		}
	}
	slices.Sort(files)
	return files
}

func (a apt) download(ctx context.Context, dir string, packages []string) error {
	args := slices.Concat(a.options, []string{"-o", "Dir::Cache::Archives=" + dir, "--download-only", "install"}, packages)
	if err := os.Mkdir(filepath.Join(dir, "partial"), 0o755); err != nil {
		return err
	}
	if err := run(ctx, dir, aptEnv(), "apt-get", args...); err != nil {
		return err
	}
	return errors.Join(os.Remove(filepath.Join(dir, "partial")), os.Remove(filepath.Join(dir, "lock")))
}

// aptEnv keeps messages and questions out of the way.
func aptEnv() []string { return append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive") }

func hashOf(lines []string) string {
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])[:10]
}
