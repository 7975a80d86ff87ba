package spool

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Unknown is why the kernel does not say whether a file is open for writing.
type Unknown struct {
	Reason string
	Cure   string
}

// onServer is why no file of a file server tells.
var onServer = Unknown{
	Reason: "the spool lies on a file server, and the kernel does not say which of its files are open",
	Cure:   "let the spool be an emptyDir, or a volume that is a block device of the node",
}

// WhyUnknown returns why the kernel does not say of a user's file whether it is open for writing; nil: it does, as far as
// can be told beforehand. See takeLease.
func (s *Spool) WhyUnknown(owner uint32) *Unknown {
	switch me := os.Geteuid(); {
	case isServer(int(s.root.Fd())):
		return &onServer
	case int64(owner) != int64(me) && !hasCapability(unix.CAP_LEASE):
		return &Unknown{
			Reason: fmt.Sprintf("the kernel does not tell user %d, as whom the uploader runs, which files of user %d are open", me, owner),
			Cure: fmt.Sprintf("run both as one user: set securityContext.runAsUser in the pod, "+
				"or spec.uploader.securityContext.runAsUser in the profile to %d", owner),
		}
	}
	return nil
}

// Owner returns who owns the directory of the spool.
func (s *Spool) Owner() (Owner, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(s.root.Fd()), &st); err != nil {
		return Owner{}, fmt.Errorf("look at the spool: %w", err)
	}
	return Owner{User: st.Uid, Group: st.Gid}, nil
}

// isServer reports whether an open file lies on a file server.
func isServer(fd int) bool {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return true
	}
	// The type of Type differs between processors; the numbers have 32 bits.
	switch uint32(st.Type) { //nolint:gosec // As above.
	case unix.NFS_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.SMB_SUPER_MAGIC:
		return true
	}
	return false
}

// hasCapability reports whether the process has a capability.
func hasCapability(number uint) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[number/32].Effective&(1<<(number%32)) != 0
}
