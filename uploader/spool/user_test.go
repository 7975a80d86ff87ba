//go:build linux

package spool_test

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// asUser runs do on a thread of its own that may do no more than a user may.
func asUser(uid int, do func() error) error {
	runtime.LockOSThread() // And never unlocked: the thread ends with its goroutine.
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
		return errno
	}
	return do()
}
