package tools

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Nft returns the directory of an nft program for kube-proxy: the machine's own, else one unpacked from Debian's package.
func (b *Builder) Nft(ctx context.Context) (string, error) {
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		if info, err := os.Stat(filepath.Join(dir, "nft")); err == nil && info.Mode()&0o111 != 0 {
			return dir, nil
		}
	}
	root, err := b.unpack(ctx, "nftables")
	if err != nil {
		return "", fmt.Errorf("find nft for kube-proxy (or install the package nftables): %w", err)
	}
	bin := filepath.Join(root, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", fmt.Errorf("find nft for kube-proxy: %w", err)
	}
	// The unpacked program needs its unpacked libraries.
	script := fmt.Sprintf("#!/bin/sh\nLD_LIBRARY_PATH=$(echo %[1]s/usr/lib/*-linux-gnu):%[1]s/usr/lib exec %[1]s/usr/sbin/nft \"$@\"\n", root)
	if err := os.WriteFile(filepath.Join(bin, "nft"), []byte(script), 0o755); err != nil {
		return "", fmt.Errorf("find nft for kube-proxy: %w", err)
	}
	return bin, nil
}

// seccompEnv is what the go command needs to link libseccomp.
func (b *Builder) seccompEnv(ctx context.Context) ([]string, error) {
	for _, program := range []string{"gcc", "pkg-config"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("link libseccomp: %s is missing; on Debian: apt-get install gcc libc6-dev pkg-config", program)
		}
	}
	if exec.CommandContext(ctx, "pkg-config", "--exists", "libseccomp").Run() == nil {
		return []string{"CGO_ENABLED=1"}, nil
	}
	root, err := b.unpack(ctx, "libseccomp-dev")
	if err != nil {
		return nil, fmt.Errorf("link libseccomp (or install the package libseccomp-dev): %w", err)
	}
	found, err := filepath.Glob(filepath.Join(root, "usr/lib/*/pkgconfig"))
	if err != nil || len(found) == 0 {
		return nil, fmt.Errorf("link libseccomp: no pkgconfig directory in %s", root)
	}
	return []string{
		"CGO_ENABLED=1", "PKG_CONFIG_PATH=" + found[0], "PKG_CONFIG_SYSROOT_DIR=" + root,
		// The go command's cache knows a package by these flags and not by what pkg-config says: without them it would link
		// against the directory of an earlier build, which may be gone.
		"CGO_LDFLAGS=-O2 -g -L" + filepath.Dir(found[0]),
	}, nil
}

// unpack downloads a Debian package, with the dependencies that the machine lacks, and unpacks them into the cache. Nothing is
// installed and the machine's package lists stay as they are.
func (b *Builder) unpack(ctx context.Context, pkg string) (string, error) {
	for _, program := range []string{"apt-get", "apt-cache", "dpkg-deb"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", fmt.Errorf("%s is missing, so this is not Debian or a relative: install %s with your package manager", program, pkg)
		}
	}
	dir := filepath.Join(b.Cache, "tools", "debian-"+pkg)
	err := b.Once(dir, "debian-"+pkg, func(temp string) error {
		b.logf("downloading the Debian package %s (unpacked into %s, not installed)", pkg, dir)
		lists, err := b.aptLists(ctx, pkg)
		if err != nil {
			return err
		}
		names, err := missingPackages(ctx, lists, pkg)
		if err != nil {
			return err
		}
		args := append(slices.Clone(lists), "download", "-qq")
		if err := run(ctx, temp, os.Environ(), "apt-get", append(args, names...)...); err != nil {
			return err
		}
		debs, err := filepath.Glob(filepath.Join(temp, "*.deb"))
		if err != nil {
			return err
		}
		for _, deb := range debs {
			if err := run(ctx, temp, os.Environ(), "dpkg-deb", "-x", deb, temp); err != nil {
				return err
			}
			if err := os.Remove(deb); err != nil {
				return err
			}
		}
		return nil
	})
	return dir, err
}

// aptLists returns the apt options to find pkg with: none when the machine's own lists know it, else those of fresh lists in the cache.
func (b *Builder) aptLists(ctx context.Context, pkg string) ([]string, error) {
	if exec.CommandContext(ctx, "apt-cache", "show", pkg).Run() == nil {
		return nil, nil
	}
	lists, cache := filepath.Join(b.Cache, "apt", "lists"), filepath.Join(b.Cache, "apt", "cache")
	for _, dir := range []string{filepath.Join(lists, "partial"), filepath.Join(cache, "archives", "partial")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	b.logf("the machine's package lists do not know %s: apt-get update into %s", pkg, lists)
	options := []string{"-o", "Dir::State::Lists=" + lists, "-o", "Dir::Cache=" + cache, "-o", "APT::Sandbox::User=root"}
	return options, run(ctx, lists, os.Environ(), "apt-get", append(slices.Clone(options), "update", "-qq")...)
}

// missingPackages returns pkg and those of its dependencies that are not installed.
func missingPackages(ctx context.Context, options []string, pkg string) ([]string, error) {
	args := append(slices.Clone(options), "depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts",
		"--no-breaks", "--no-replaces", "--no-enhances", pkg)
	out, err := exec.CommandContext(ctx, "apt-cache", args...).Output()
	if err != nil {
		return nil, fmt.Errorf("list dependencies of %s: %w", pkg, err)
	}
	names := []string{pkg}
	for line := range strings.Lines(string(out)) {
		name := strings.TrimSpace(line)
		// Package names stand at the start of a line; relations are indented, virtual packages in angle brackets.
		if name == "" || line[0] == ' ' || line[0] == '|' || line[0] == '<' || slices.Contains(names, name) || !strings.HasPrefix(name, "lib") {
			continue
		}
		status, err := exec.CommandContext(ctx, "dpkg-query", "--show", "--showformat=${db:Status-Status}", name).Output()
		if err == nil && strings.Contains(string(status), "installed") && !strings.Contains(string(status), "not-installed") {
			continue
		}
		names = append(names, name)
	}
	return names, nil
}
