package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// needed are the controllers that the kubelet does not start without. The others (io, hugetlb…) are delegated where they exist.
func needed() []string { return []string{"cpu", "cpuset", "memory", "pids"} }

// initGroup holds the node's own processes: a group that delegates controllers may not hold processes itself.
const initGroup = "init"

func (h Hierarchy) createUnified(name string) error {
	// Above the cluster only what the kubelet needs is switched on, and nothing where systemd has done so already.
	if err := delegate(h.Root, needed()); err != nil {
		return fmt.Errorf("%w; a container needs the machine's control groups (docker run --privileged --cgroupns=host)", err)
	}
	if err := os.Mkdir(filepath.Join(h.Root, name), 0o755); err != nil && !os.IsExist(err) {
		return fmt.Errorf("create control group: %w", err)
	}
	return nil
}

// delegate makes controllers of dir available to the groups below it. Those that already are stay untouched.
func delegate(dir string, controllers []string) error {
	available, err := words(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for _, c := range needed() {
		if !slices.Contains(available, c) {
			return fmt.Errorf("delegate control groups: the kubelet needs the controllers %s, but %s has only: %s",
				strings.Join(needed(), ", "), dir, strings.Join(available, " "))
		}
	}
	file := filepath.Join(dir, "cgroup.subtree_control")
	enabled, err := words(file)
	if err != nil {
		return err
	}
	for _, c := range controllers {
		if slices.Contains(enabled, c) {
			continue
		}
		// One at a time: the kernel takes all of a write or nothing, and an optional one must not spoil the rest.
		err := os.WriteFile(file, []byte("+"+c), 0o644)
		if err != nil && slices.Contains(needed(), c) {
			return fmt.Errorf("delegate control groups: enable %s: %w", c, err)
		}
	}
	return nil
}

func words(file string) ([]string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read control groups: %w", err)
	}
	return strings.Fields(string(data)), nil
}

// Delegate prepares the root of the namespace that Enter made: the current process moves to a group below it, and the
// controllers become available to the kubelet.
func (h Hierarchy) Delegate() error {
	dir := filepath.Join(h.Root, initGroup)
	if err := os.Mkdir(dir, 0o755); err != nil && !os.IsExist(err) {
		return fmt.Errorf("create control group: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0o644); err != nil {
		return fmt.Errorf("move node to its control group: %w", err)
	}
	all, err := words(filepath.Join(h.Root, "cgroup.controllers"))
	if err != nil {
		return err
	}
	return delegate(h.Root, all)
}
