package tools

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// toolchain builds the tools. It is not the project's own, so that a new release of Go for the project does not build Kubernetes
// again. It changes when a tool needs a newer one.
const toolchain = "go1.26.11"

// Builder builds tools into a cache.
type Builder struct {
	// Source is the work tree, Cache the directory that CacheDir names.
	Source, Cache string
	// Log gets a line for each tool that has to be built. Nil discards them.
	Log io.Writer
}

// NewBuilder returns the builder for this work tree and the user's cache.
func NewBuilder(log io.Writer) (*Builder, error) {
	source, err := SourceDir()
	if err != nil {
		return nil, err
	}
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	return &Builder{Source: source, Cache: cache, Log: log}, nil
}

// Version is the tool's, as its module has pinned it, e.g. "v1.8.0".
func (b *Builder) Version(t Tool) (string, error) { return t.version(b.moduleDir(t)) }

// Built reports whether the cache has the tool, so that Build would return at once.
func (b *Builder) Built(ctx context.Context, t Tool) (bool, error) {
	dir, _, err := b.locate(ctx, t)
	if err != nil {
		return false, err
	}
	_, err = os.Stat(dir)
	return err == nil, nil
}

// Build returns the directory that holds the tool's programs, building them when the cache lacks them.
func (b *Builder) Build(ctx context.Context, t Tool) (string, error) {
	dir, version, err := b.locate(ctx, t)
	if err != nil {
		return "", err
	}
	return dir, b.Once(dir, t.Name, func(temp string) error {
		start := time.Now()
		b.logf("building %s %s (once; kept in %s)", t.Name, version, dir)
		if err := b.compile(ctx, t, version, temp); err != nil {
			return err
		}
		b.logf("built %s %s in %s", t.Name, version, time.Since(start).Round(time.Second))
		return nil
	})
}

// locate names the tool's directory in the cache, built or not.
func (b *Builder) locate(ctx context.Context, t Tool) (dir, version string, err error) {
	moduleDir := b.moduleDir(t)
	if version, err = t.version(moduleDir); err != nil {
		return "", "", err
	}
	goVersion, err := b.goVersion(ctx, moduleDir)
	if err != nil {
		return "", "", err
	}
	key, err := t.key(moduleDir, version, goVersion)
	if err != nil {
		return "", "", err
	}
	return filepath.Join(b.Cache, "tools", key), version, nil
}

func (b *Builder) moduleDir(t Tool) string { return filepath.Join(b.Source, "hack", "tools", t.Name) }

// Once fills dir through a temporary sibling, so that dir exists only whole and two builders do not do the work twice.
func (b *Builder) Once(dir, name string, fill func(temp string) error) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	unlock, err := Lock(filepath.Join(filepath.Dir(dir), name+".lock"), func() { b.logf("waiting for another build of %s", name) })
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	temp := filepath.Join(filepath.Dir(dir), ".building-"+name)
	if err := os.RemoveAll(temp); err != nil { // what a crashed build left; we hold its lock
		return fmt.Errorf("build %s: %w", name, err)
	}
	if err := os.MkdirAll(temp, 0o755); err != nil {
		return fmt.Errorf("build %s: %w", name, err)
	}
	defer os.RemoveAll(temp)
	if err := fill(temp); err != nil {
		return fmt.Errorf("build %s: %w", name, err)
	}
	if err := os.Rename(temp, dir); err != nil {
		return fmt.Errorf("build %s: %w", name, err)
	}
	return nil
}

func (b *Builder) compile(ctx context.Context, t Tool, version, out string) error {
	// Both said, so that the caller's environment does not decide.
	cgo := "CGO_ENABLED=1"
	if t.Static {
		cgo = "CGO_ENABLED=0"
	}
	env := append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GOTOOLCHAIN="+toolchain, cgo)
	if t.Seccomp {
		extra, err := b.seccompEnv(ctx)
		if err != nil {
			return err
		}
		env = append(env, extra...)
	}
	target := out + string(filepath.Separator)
	if len(t.Packages) == 1 {
		target += t.Name // not every main package is named after its program
	}
	args := append([]string{"build", "-o", target}, t.flags(version)...)
	return run(ctx, b.moduleDir(t), env, "go", append(args, t.Packages...)...)
}

// Main is one of this work tree's own programs.
type Main struct {
	// Module is the module's directory in the work tree, "." for the main one.
	Module string
	// Package is the main package, e.g. "./cmd/backup".
	Package string
	// Out is the file to write.
	Out string
	// LDFlags follow -s -w.
	LDFlags string
	// Tags are build tags, separated by commas.
	Tags string
}

// BuildMain builds a program of this work tree. The go command's cache makes a second build cheap, so nothing is kept here.
func (b *Builder) BuildMain(ctx context.Context, m Main) error {
	env := append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0") // Static: they run in images.
	flags := strings.TrimSpace("-ldflags=-s -w " + m.LDFlags)
	err := run(ctx, filepath.Join(b.Source, m.Module), env, "go", "build", "-buildvcs=false", "-tags="+m.Tags, flags, "-o", m.Out, m.Package)
	if err != nil {
		return fmt.Errorf("build %s: %w", m.Package, err)
	}
	return nil
}

// goVersion asks in the module's directory, because its go line may choose a newer toolchain.
func (b *Builder) goVersion(ctx context.Context, moduleDir string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "env", "GOVERSION")
	cmd.Dir, cmd.Env = moduleDir, append(os.Environ(), "GOTOOLCHAIN="+toolchain)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("ask for the Go version (is go in PATH?): %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

func (b *Builder) logf(format string, args ...any) {
	if b.Log != nil {
		fmt.Fprintf(b.Log, format+"\n", args...)
	}
}

// run returns an error that carries the end of what the command printed.
func run(ctx context.Context, dir string, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	tail := out.String()
	if len(tail) > 4000 {
		tail = "…" + tail[len(tail)-4000:]
	}
	return errors.New(strings.TrimSpace(fmt.Sprintf("%s %s: %v\n%s", name, args[0], err, tail)))
}
