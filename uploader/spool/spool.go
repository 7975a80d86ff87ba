package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"
)

// Spool is a directory whose files are uploaded. Paths are relative to it, with slashes, and may hold any bytes.
type Spool struct {
	root *os.Root
	path string
	// Enters reports whether Walk and Watch look into the directory at a path; nil: into each. It is set before their first call.
	Enters func(dir string) bool
}

// Open opens a directory that exists.
func Open(name string) (*Spool, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("open the spool: %w", err)
	}
	return &Spool{root: root, path: name}, nil
}

// Close closes the directory.
func (s *Spool) Close() error { return s.root.Close() }

// State identifies the content of a file: while it stays the same, so do the bytes. See UntilSettled.
type State struct {
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
	Size   int64  `json:"size"`
	// Modified and Changed are in nanoseconds since 1970. A writer can set back Modified, but not Changed.
	Modified int64 `json:"modified"`
	Changed  int64 `json:"changed"`
}

// SameFile reports whether both states are of one file, whatever its content.
func (s State) SameFile(o State) bool { return s.Device == o.Device && s.Inode == o.Inode }

// clockStep is longer than the step in which Linux counts the times of files: a jiffy, of 10 ms at most.
const clockStep = 20 * time.Millisecond

// UntilSettled returns how long a file must stay unchanged before each later change shows in its State: two changes
// within one step of the file system's clock have the same time. A time in whole seconds is taken for that of a file
// system that counts whole seconds.
func (s State) UntilSettled(now time.Time) time.Duration {
	step := clockStep
	if s.Changed%int64(time.Second) == 0 {
		step = 2 * time.Second
	}
	// The clock may be set back: then Changed lies in the future, and waiting would not help.
	return min(step, max(0, step-now.Sub(time.Unix(0, s.Changed))))
}

// ErrNotRegular is the error of what is no regular file: a link, a pipe, a socket, a device.
var ErrNotRegular = errors.New("not a regular file")

// ErrReplaced is the error of a file whose path another file has taken.
var ErrReplaced = errors.New("another file has taken its place")

// Stat returns the state of the file at a path, without opening it.
func (s *Spool) Stat(name string) (State, error) {
	info, err := s.root.Lstat(name)
	if err != nil {
		return State{}, fmt.Errorf("look at %q: %w", name, err)
	}
	state, err := stateOf(info)
	if err != nil {
		return State{}, fmt.Errorf("look at %q: %w", name, err)
	}
	return state, nil
}

// Open opens a regular file for reading. A link is an error, also one that takes the file's place at the same moment.
func (s *Spool) Open(name string) (*File, error) {
	before, err := s.Stat(name)
	if err != nil {
		return nil, err
	}
	// A pipe that takes the file's place must not block.
	f, err := s.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, s.explainPermission(name, err)
	}
	file := &File{File: f, Path: name}
	if state, err := file.State(); err != nil || !state.SameFile(before) {
		f.Close()
		return nil, fmt.Errorf("open %q: %w", name, ErrReplaced)
	}
	return file, nil
}

// explainPermission adds to an error of opening a file who owns it.
func (s *Spool) explainPermission(name string, err error) error {
	info, statErr := s.root.Lstat(name)
	if statErr != nil || !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("open %q: %w", name, err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return fmt.Errorf("open %q: it belongs to user %d and group %d, mode %v, and the uploader runs as user %d: "+
			"run both as one user, or let the group read and set fsGroup: %w",
			name, st.Uid, st.Gid, info.Mode(), os.Getuid(), err)
	}
	return fmt.Errorf("open %q: %w", name, err)
}

// Remove removes a file. It returns an error if its state differs, or if a process has it open for writing.
func (s *Spool) Remove(name string, as State) error {
	f, err := s.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if f.Writers() == HasWriters {
		return fmt.Errorf("remove %q: it is open for writing", name)
	}
	state, err := f.State()
	if err != nil {
		return err
	}
	if state != as {
		return fmt.Errorf("remove %q: it has changed", name)
	}
	err = s.root.Remove(name)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("remove %q: user %d, as whom the uploader runs, may not write in its directory: "+
			"run both as one user: %w", name, os.Getuid(), err)
	case err != nil:
		return fmt.Errorf("remove %q: %w", name, err)
	}
	return nil
}

// Capacity returns the size of the spool's file system in bytes: no file can be larger.
func (s *Spool) Capacity() (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(s.path, &st); err != nil {
		return 0, fmt.Errorf("look at the file system of %s: %w", s.path, err)
	}
	// A file system has no more than 8 EiB. The type of Bsize differs between systems.
	return int64(st.Blocks) * int64(st.Bsize), nil //nolint:gosec,unconvert // As above.
}

// Entry is an entry of the spool that a walk finds.
type Entry struct {
	Path string
	// State is of a regular file, and zero where Err is set.
	State State
	// Err is ErrNotRegular, or the error of reading the directory.
	Err error
}

// Walk calls visit with every entry below a directory of the spool, "." for all, except directories that can be read.
// It does not follow links, and leaves out what disappears meanwhile. It ends when visit returns false, and returns
// that.
func (s *Spool) Walk(dir string, visit func(Entry) bool) bool {
	entries, err := s.readDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !visit(Entry{Path: dir, Err: err}) {
		return false
	}
	for _, entry := range entries {
		name := path.Join(dir, entry.Name())
		if entry.IsDir() {
			if s.enters(name) && !s.Walk(name, visit) {
				return false
			}
			continue
		}
		state, err := s.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if !visit(Entry{Path: name, State: state, Err: err}) {
			return false
		}
	}
	return true
}

func (s *Spool) enters(dir string) bool { return dir == "." || s.Enters == nil || s.Enters(dir) }

// readDir returns the entries of a directory.
func (s *Spool) readDir(dir string) ([]fs.DirEntry, error) {
	info, err := s.root.Lstat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, nil // A link or a file has taken its place: the next walk finds it.
	}
	d, err := s.root.Open(dir)
	if err != nil {
		return nil, s.explainPermission(dir, err)
	}
	defer d.Close()
	return d.ReadDir(-1)
}
