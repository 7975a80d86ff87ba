package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// inDirectory calls do with the directory that a path's last name lies in. The directory stays the same for as long as
// do runs, whatever becomes of its path.
func (s *Spool) inDirectory(name string, do func(dir int, base string) error) error {
	if !filepath.IsLocal(name) || path.Clean(name) != name || name == "." {
		return fs.ErrInvalid
	}
	dir, base := path.Split(name)
	if dir == "" {
		return do(int(s.root.Fd()), base)
	}
	fd, err := s.openBelow(path.Clean(dir), unix.O_PATH)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return do(fd, base)
}

// openDirectory opens a directory of the spool, "." for itself, to read it. The error is fs.ErrNotExist where a link or
// a file has taken the place of a directory: what was below is no longer there.
func (s *Spool) openDirectory(dir string) (*os.File, error) {
	fd, err := s.openBelow(dir, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	return newDirectory(fd), nil
}

// newDirectory returns the file of a directory. Its name leads to it, whatever becomes of its path: ReadDir looks up
// the entries below that name of which the file system does not say what they are.
func newDirectory(fd int) *os.File { return os.NewFile(uintptr(fd), descriptorPath(fd)) }

// descriptorPath is a path of an open file or directory. The kernel resolves it to the open file itself, and not to the
// path that the file was opened at (proc_pid_fd(5)).
func descriptorPath(fd int) string { return fmt.Sprintf("/proc/self/fd/%d", fd) }

// openBelow opens a directory of the spool, name by name.
func (s *Spool) openBelow(dir string, flags int) (int, error) {
	at, err := openAt(int(s.root.Fd()), ".", unix.O_DIRECTORY|unix.O_PATH)
	if err != nil {
		return -1, err
	}
	names := strings.Split(dir, "/")
	for i, name := range names {
		how := unix.O_PATH
		if i == len(names)-1 {
			how = flags
		}
		next, err := openAt(at, name, unix.O_DIRECTORY|how)
		if how != unix.O_PATH && err != nil {
			var st unix.Stat_t
			if statAt(at, name, &st) == nil {
				err = explainPermission(err, &st)
			}
		}
		unix.Close(at)
		if err != nil {
			return -1, notDirectory(err)
		}
		at = next
	}
	return at, nil
}

// notDirectory returns fs.ErrNotExist for the error of a name that is no directory, and err otherwise.
func notDirectory(err error) error {
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return fmt.Errorf("%w: no directory", fs.ErrNotExist)
	}
	return err
}

// openAt opens a name in a directory, and no link.
func openAt(dir int, name string, flags int) (fd int, err error) {
	err = retryInterrupted(func() error {
		fd, err = unix.Openat(dir, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
		return err
	})
	return fd, err
}

// statAt looks at a name in a directory, and not at what it links to.
func statAt(dir int, name string, st *unix.Stat_t) error {
	return retryInterrupted(func() error { return unix.Fstatat(dir, name, st, unix.AT_SYMLINK_NOFOLLOW) })
}

// retryInterrupted calls do until no signal interrupts it, as package os does: a network file system may be interrupted
// in any call.
func retryInterrupted(do func() error) error {
	for {
		if err := do(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
