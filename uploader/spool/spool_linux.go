package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// Spool is a directory whose files are uploaded. Paths are relative to it, with slashes, and may hold any bytes.
//
// The containers of the pod may rename, replace and link what is in it at any time. So no method follows a link, not
// even one that leads to another file of the spool: each opens the directories of a path one by one, from the spool
// down, and refuses a name that is no directory. os.Root follows links that stay below it. Nothing stops at a mount, and
// there is none: the sidecar mounts the spool's volume and no other below it.
type Spool struct {
	root *os.File
	// Enters reports whether Walk and Watch look into the directory at a path; nil: into each. It is set before their first call.
	Enters func(dir string) bool
	// ReportKept is called with the path of a file that was moved aside and could not be put back to it, for another file has
	// taken it, and with the path that it has got instead. Nil: Walk leaves alone what other processes have moved aside.
	ReportKept func(name, kept string)

	asides asideNames
}

// Open opens the spool. It follows no link that a container of the pod could have made; see openAbsolute. Where a volume
// is mounted above the spool and the directory does not exist yet, Open makes it: the sidecar starts before the
// containers that write.
func Open(name string) (*Spool, error) {
	root, err := openAbsolute(name)
	if err != nil {
		return nil, fmt.Errorf("open the spool %s: %w", name, err)
	}
	s := &Spool{root: root}
	s.asides.init()
	return s, nil
}

// Close closes the directory.
func (s *Spool) Close() error { return s.root.Close() }

// Stat returns the state of the file at a path, without opening it.
func (s *Spool) Stat(name string) (State, error) {
	state, _, err := s.stat(name)
	return state, err
}

// stat returns the state of the file at a path, and what the kernel says of whatever has the name.
func (s *Spool) stat(name string) (state State, st unix.Stat_t, err error) {
	err = s.inDirectory(name, func(dir int, base string) error {
		if err := statAt(dir, base, &st); err != nil {
			return err
		}
		state, err = stateOf(&st)
		return err
	})
	if err != nil {
		return State{}, st, fmt.Errorf("look at %q: %w", name, err)
	}
	return state, st, nil
}

// Open opens a regular file for reading. A link is an error, also one that takes the file's place at the same moment.
func (s *Spool) Open(name string) (*File, error) {
	before, st, err := s.stat(name)
	if err != nil {
		return nil, err
	}
	fd := -1
	err = s.inDirectory(name, func(dir int, base string) error {
		// A pipe that takes the file's place must not block.
		fd, err = openAt(dir, base, unix.O_RDONLY|unix.O_NONBLOCK)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", name, explainPermission(err, &st))
	}
	if err := unix.SetNonblock(fd, false); err != nil {
		return nil, errors.Join(fmt.Errorf("open %q: %w", name, err), unix.Close(fd))
	}
	file := &File{File: os.NewFile(uintptr(fd), name), Path: name}
	if state, err := file.State(); err != nil || !state.SameFile(before) {
		file.Close()
		return nil, fmt.Errorf("open %q: %w", name, ErrReplaced)
	}
	return file, nil
}

// explainPermission adds to an error of opening a file, or of reading a directory, who owns it.
func explainPermission(err error, st *unix.Stat_t) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return fmt.Errorf("it belongs to user %d and group %d, mode %04o, and the uploader runs as user %d: "+
		"run both as one user, or let the group read and set fsGroup: %w",
		st.Uid, st.Gid, st.Mode&0o7777, os.Geteuid(), err)
}

// Capacity returns the size of the spool's file system in bytes: no file can be larger.
func (s *Spool) Capacity() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(s.root.Fd()), &st); err != nil {
		return 0, fmt.Errorf("look at the file system of the spool: %w", err)
	}
	// A file system has no more than 8 EiB. The type of Bsize differs between processors.
	return int64(st.Blocks) * int64(st.Bsize), nil //nolint:gosec,unconvert // As above.
}

func (s *Spool) enters(dir string) bool {
	return dir == "." || !isAside(path.Base(dir)) && (s.Enters == nil || s.Enters(dir))
}
