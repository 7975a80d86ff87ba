package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// stateOf returns the state of a regular file; ErrNotRegular for anything else.
func stateOf(info fs.FileInfo) (State, error) {
	if !info.Mode().IsRegular() {
		return State{}, ErrNotRegular
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return State{}, fmt.Errorf("the system does not say which file it is: %T", info.Sys())
	}
	return State{
		Device: st.Dev, Inode: st.Ino, Size: st.Size, Modified: st.Mtim.Nano(), Changed: st.Ctim.Nano(),
	}, nil
}

// Removed reports whether the file has no name left.
func (f *File) Removed() bool {
	var st unix.Stat_t
	return unix.Fstat(int(f.Fd()), &st) == nil && st.Nlink == 0
}

// Writers returns whether the file is open for writing. It takes a read lease, which the kernel grants only while no
// process has the file open for writing (fcntl(2), "Leases"), and returns it at once. Only the owner of the file, or a
// process with CAP_LEASE, can take a lease; NFS has none.
func (f *File) Writers() Writers {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	if errors.Is(err, unix.EAGAIN) {
		return HasWriters
	}
	if err != nil {
		return WritersUnknown
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK); err != nil {
		return WritersUnknown
	}
	return NoWriters
}

// DropCache drops a range of the file from the page cache, so that a large file does not displace what other processes
// need. A size of zero means up to the end.
func (f *File) DropCache(offset, size int64) {
	_ = unix.Fadvise(int(f.Fd()), offset, size, unix.FADV_DONTNEED) // It is advice.
}
