package spool

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// stateOf returns the state of a regular file; ErrNotRegular for anything else.
func stateOf(st *unix.Stat_t) (State, error) {
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return State{}, ErrNotRegular
	}
	return State{
		Device: uint64(st.Dev), Inode: st.Ino, Size: st.Size, //nolint:unconvert // The type differs between processors.
		Modified: st.Mtim.Nano(), Changed: st.Ctim.Nano(),
	}, nil
}

// stat looks at the open file.
func (f *File) stat() (st unix.Stat_t, err error) {
	err = retryInterrupted(func() error { return unix.Fstat(int(f.Fd()), &st) })
	return st, err
}

// State returns the state of the open file, which may have been renamed or removed since.
func (f *File) State() (State, error) {
	st, err := f.stat()
	if err != nil {
		return State{}, fmt.Errorf("look at %q: %w", f.Path, err)
	}
	return stateOf(&st)
}

// Removed reports whether the file has no name left.
func (f *File) Removed() bool {
	st, err := f.stat()
	return err == nil && st.Nlink == 0
}

// Owner returns who owns the file; ok is false where the system does not say.
func (f *File) Owner() (owner Owner, ok bool) {
	st, err := f.stat()
	return Owner{User: st.Uid, Group: st.Gid}, err == nil
}

// Writers returns whether the file is open for writing. It takes a read lease, and returns it at once.
func (f *File) Writers() Writers {
	writers := f.takeLease()
	if writers == NoWriters && f.returnLease() != nil {
		return WritersUnknown
	}
	return writers
}

// takeLease takes a read lease, which the kernel grants only while no process has the file open for writing
// (fcntl(2), "Leases"). Only the owner of the file, or a process with CAP_LEASE, can take a lease. While it is held,
// whoever opens the file for writing waits.
//
// Of a file server the kernel refuses a lease also where it does not know who writes: with NFS v4 for each file without
// a delegation (Linux, fs/nfs/nfs4proc.c, nfs4_add_lease), with SMB for each without an oplock (fs/smb/client/cifsfs.c,
// cifs_setlease).
//
// Nothing else tells. Events of inotify do not count writers: the kernel merges equal ones that were not read yet
// (inotify(7)), so two that open a file may look like one, and the close of one like that of both.
func (f *File) takeLease() Writers {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	switch {
	case err == nil:
		return NoWriters
	case errors.Is(err, unix.EAGAIN) && !isServer(int(f.Fd())):
		return HasWriters
	default:
		return WritersUnknown
	}
}

// leaseHeld reports whether no process waits for the lease to be returned.
func (f *File) leaseHeld() bool {
	kind, err := unix.FcntlInt(f.Fd(), unix.F_GETLEASE, 0)
	return err == nil && kind == unix.F_RDLCK
}

func (f *File) returnLease() error {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	return err
}

// DropCache drops a range of the file from the page cache, so that a large file does not displace what other processes
// need. A size of zero means up to the end.
func (f *File) DropCache(offset, size int64) {
	_ = unix.Fadvise(int(f.Fd()), offset, size, unix.FADV_DONTNEED) // It is advice.
}
