package cgroup

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

func isUnified(root string) (bool, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(root, &fs); err != nil {
		return false, err
	}
	return fs.Type == unix.CGROUP2_SUPER_MAGIC, nil
}

// Open returns the directory of a cluster's group, to start a process in it.
func (h Hierarchy) Open(name string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(h.Root, name), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, fmt.Errorf("open control group: %w", err)
	}
	return f, nil
}

// Enter makes the current process's group the root of all that it and its children see: a cgroup namespace, with the mount on
// Root replaced. It must run on a locked thread, in a mount namespace of its own, in a process that Open's directory was used
// to start; the caller then replaces the process (exec), as the other threads stay behind in the machine's namespace.
func (h Hierarchy) Enter() error {
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("enter cgroup namespace: %w", err)
	}
	// The kernel refuses a file system on top of itself, even where another root of it is meant.
	if err := unix.Unmount(h.Root, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount cgroup2 of the machine: %w", err)
	}
	if err := unix.Mount("cgroup2", h.Root, "cgroup2", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount cgroup2 of the namespace: %w", err)
	}
	return nil
}
