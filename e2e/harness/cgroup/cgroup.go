package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Root is where every distribution mounts control groups.
const Root = "/sys/fs/cgroup"

// Hierarchy is the machine's control groups.
type Hierarchy struct {
	// Root is the directory they are mounted on.
	Root string
	// Unified is true for version 2.
	Unified bool
}

// Detect returns the version that is mounted on root.
func Detect(root string) (Hierarchy, error) {
	unified, err := isUnified(root)
	if err != nil {
		return Hierarchy{}, fmt.Errorf("find control groups: %w", err)
	}
	if unified {
		return Hierarchy{Root: root, Unified: true}, nil
	}
	// A hybrid machine has version 2 in a subdirectory, but its controllers belong to version 1.
	if _, err := os.Stat(filepath.Join(root, "memory", "cgroup.procs")); err == nil {
		return Hierarchy{Root: root}, nil
	}
	return Hierarchy{}, fmt.Errorf("find control groups: %s is neither a cgroup2 mount nor has it a memory hierarchy of version 1", root)
}

// Create makes the groups for a cluster. Those that exist already are kept.
func (h Hierarchy) Create(name string) error {
	if h.Unified {
		return h.createUnified(name)
	}
	return h.createSplit(name)
}

// Remove removes the cluster's groups, those below them first. The kernel refuses to remove one that still holds a process;
// processes that were just killed take a moment to leave.
func (h Hierarchy) Remove(name string) error {
	dirs, err := h.dirs(name)
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range dirs {
		errs = append(errs, removeAll(dir, 5*time.Second))
	}
	return errors.Join(errs...)
}

// dirs lists the cluster's top directories that exist.
func (h Hierarchy) dirs(name string) ([]string, error) {
	if h.Unified {
		return existing(filepath.Join(h.Root, name)), nil
	}
	hierarchies, err := h.hierarchies()
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, c := range hierarchies {
		dirs = append(dirs, existing(filepath.Join(c, name))...)
	}
	return dirs, nil
}

func existing(dir string) []string {
	if _, err := os.Stat(dir); err != nil {
		return nil
	}
	return []string{dir}
}

func removeAll(dir string, patience time.Duration) error {
	deadline := time.Now().Add(patience)
	for {
		err := removeTree(dir)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("remove control group: %w", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// removeTree is not os.RemoveAll: the files of a control group cannot be removed, only its directories.
func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeTree(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := unix.Rmdir(dir); err != nil && !errors.Is(err, unix.ENOENT) {
		return &os.PathError{Op: "rmdir", Path: dir, Err: err}
	}
	return nil
}
