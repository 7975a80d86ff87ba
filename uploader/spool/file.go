package spool

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// File is a file of the spool, open for reading.
type File struct {
	*os.File

	// Path is where it was opened.
	Path string
}

// State is that of the open file, which may have been renamed or removed since.
func (f *File) State() (State, error) {
	info, err := f.Stat()
	if err != nil {
		return State{}, fmt.Errorf("look at %q: %w", f.Path, err)
	}
	return stateOf(info)
}

// Removed reports whether the file has no name any more.
func (f *File) Removed() bool {
	var st unix.Stat_t
	return unix.Fstat(int(f.Fd()), &st) == nil && st.Nlink == 0
}

// Writers says who has a file open for writing.
type Writers int

const (
	// Unknown means that the file system, or the owner of the file, does not let us know.
	Unknown Writers = iota
	// None means that nobody has the file open for writing, in any container of the node.
	None
	// Writing means that somebody has.
	Writing
)

// Writers asks the kernel for a read lease, which it grants only while nobody has the file open for writing (fcntl(2),
// "Leases"), and gives it back at once. Leases need the owner of the file, or CAP_LEASE; NFS has none.
func (f *File) Writers() Writers {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	if errors.Is(err, unix.EAGAIN) {
		return Writing
	}
	if err != nil {
		return Unknown
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK); err != nil {
		return Unknown
	}
	return None
}

// DropCache tells the kernel that a part of the file is not read again soon: a large file must not drive out of memory what
// others need. A size of zero means up to the end.
func (f *File) DropCache(offset, size int64) {
	_ = unix.Fadvise(int(f.Fd()), offset, size, unix.FADV_DONTNEED) // Advice.
}
