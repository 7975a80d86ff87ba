package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// namesAtOnce is how many names of a directory are in memory at a time: a directory may have millions.
const namesAtOnce = 256

// Walk returns every entry below a directory of the spool, "." for all, except directories that can be read. It does not
// follow links, and leaves out what disappears meanwhile. It holds no more than some names of each directory on the way
// to where it is, and those directories open: iter.Pull makes a walk that stops and goes on, whatever changes meanwhile.
func (s *Spool) Walk(dir string) iter.Seq[Entry] {
	return func(visit func(Entry) bool) {
		d, err := s.openDirectory(dir)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				visit(Entry{Path: dir, Err: err})
			}
			return
		}
		s.walkDirectory(d, dir, visit)
	}
}

// walkDirectory walks an open directory, and closes it. It returns false when visit has.
func (s *Spool) walkDirectory(d *os.File, dir string, visit func(Entry) bool) bool {
	defer d.Close()
	for {
		entries, err := d.ReadDir(namesAtOnce)
		for _, entry := range entries {
			if !s.walkEntry(d, path.Join(dir, entry.Name()), entry, visit) {
				return false
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, fs.ErrNotExist):
			return true
		case err != nil:
			return visit(Entry{Path: dir, Err: err})
		}
	}
}

// walkEntry visits an entry of an open directory, or walks it.
func (s *Spool) walkEntry(d *os.File, name string, entry fs.DirEntry, visit func(Entry) bool) bool {
	switch {
	case !entry.IsDir():
		return visitFile(d, name, entry.Name(), visit)
	case isAside(entry.Name()):
		err := s.putBackLeftover(d, name)
		return err == nil || visit(Entry{Path: name, Err: fmt.Errorf("put back the file that was to be removed: %w", err)})
	case !s.enters(name):
		return true
	}
	fd, err := openAt(int(d.Fd()), entry.Name(), unix.O_DIRECTORY|unix.O_RDONLY)
	switch err = notDirectory(err); {
	case errors.Is(err, fs.ErrNotExist):
		return true // The next walk finds what has taken its place.
	case err != nil:
		var st unix.Stat_t
		if statAt(int(d.Fd()), entry.Name(), &st) == nil {
			err = explainPermission(err, &st)
		}
		return visit(Entry{Path: name, Err: err})
	}
	return s.walkDirectory(newDirectory(fd), name, visit)
}

// visitFile visits an entry that is no directory.
func visitFile(d *os.File, name, base string, visit func(Entry) bool) bool {
	var st unix.Stat_t
	err := statAt(int(d.Fd()), base, &st)
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	var state State
	if err == nil {
		state, err = stateOf(&st)
	}
	return visit(Entry{Path: name, State: state, Owner: Owner{User: st.Uid, Group: st.Gid}, Err: err})
}
