package session

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// enlargePipe makes a pipe hold more, where the kernel permits it. A user has a limit for all pipes, pipe(7).
func enlargePipe(f *os.File, size int) {
	_, _ = unix.FcntlInt(f.Fd(), unix.F_SETPIPE_SZ, size) // It works with any size.
}

// accessMode returns whether a descriptor is open for reading, writing or both.
func accessMode(descriptor int) (int, error) {
	flags, err := unix.FcntlInt(uintptr(descriptor), unix.F_GETFL, 0)
	return flags & syscall.O_ACCMODE, err
}
