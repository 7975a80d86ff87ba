package spool

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// nodeClocks are the file systems whose times are those of this kernel's clock: statfs(2) has their numbers. Others, as
// NFS and SMB, may have the times of their server, whose clock is another.
var nodeClocks = []int64{
	unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC,
	unix.TMPFS_MAGIC, unix.RAMFS_MAGIC, unix.OVERLAYFS_SUPER_MAGIC,
}

// HasNodeClock reports whether the times of the spool's files are those of the node's clock.
func (s *Spool) HasNodeClock() (bool, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(s.root.Fd()), &st); err != nil {
		return false, fmt.Errorf("look at the file system of the spool: %w", err)
	}
	return slices.Contains(nodeClocks, int64(st.Type)), nil //nolint:unconvert // The type differs between processors.
}
