package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// unified is where a hybrid machine has version 2. Nothing is limited there, but runc makes a group in it for each of its own.
const unified = "unified"

// hierarchies lists all of version 1 and a hybrid machine's version 2, each a directory below the root.
func (h Hierarchy) hierarchies() ([]string, error) {
	entries, err := os.ReadDir(h.Root)
	if err != nil {
		return nil, fmt.Errorf("list control groups: %w", err)
	}
	var dirs []string
	for _, e := range entries {
		// Links such as cpuacct → cpu,cpuacct name a hierarchy that is in the list already.
		if e.IsDir() {
			dirs = append(dirs, filepath.Join(h.Root, e.Name()))
		}
	}
	return dirs, nil
}

func (h Hierarchy) createSplit(name string) error {
	hierarchies, err := h.hierarchies()
	if err != nil {
		return err
	}
	for _, c := range hierarchies {
		if filepath.Base(c) == unified {
			continue
		}
		dir := filepath.Join(c, name)
		if err := os.Mkdir(dir, 0o755); err != nil && !os.IsExist(err) {
			return fmt.Errorf("create control group: %w", err)
		}
		// A new cpuset allows no processor and no memory at all until it is told which.
		if strings.Contains(filepath.Base(c), "cpuset") {
			for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
				if err := inherit(c, dir, file); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func inherit(parent, child, file string) error {
	value, err := os.ReadFile(filepath.Join(parent, file))
	if err != nil {
		return fmt.Errorf("create control group: %w", err)
	}
	if err := os.WriteFile(filepath.Join(child, file), value, 0o644); err != nil {
		return fmt.Errorf("create control group: %w", err)
	}
	return nil
}
