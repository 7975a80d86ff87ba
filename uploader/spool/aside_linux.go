package spool

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// asidePrefix begins the name of a directory that a file is moved into before it is removed. It lies beside the file, and
// holds nothing but it, under its own name: so a later process knows where it belongs.
const asidePrefix = ".lighterman-aside-"

// isAside reports whether a name is that of a directory of a file that was moved aside.
func isAside(name string) bool {
	digits, found := strings.CutPrefix(name, asidePrefix)
	_, err := hex.DecodeString(digits)
	return found && err == nil && len(digits) == 2*(runBytes+4)
}

// runBytes are how many random bytes tell the directories of this process from those that a killed one has left.
const runBytes = 4

// asideNames makes the names of directories for files that are moved aside.
type asideNames struct {
	run  string
	next atomic.Uint32
}

func (a *asideNames) init() {
	var random [runBytes]byte
	rand.Read(random[:])
	a.run = asidePrefix + hex.EncodeToString(random[:])
}

// make returns a new name.
func (a *asideNames) make() string { return fmt.Sprintf("%s%08x", a.run, a.next.Add(1)) }

// owns reports whether a name is one of this process.
func (a *asideNames) owns(name string) bool { return strings.HasPrefix(name, a.run) }

// Aside is a file that was moved aside, to be removed. Its own name is free meanwhile.
type Aside struct {
	spool *Spool
	// Path is the file's, before it was moved.
	Path string
	// state is that of the content that may be removed.
	state State
	// dir is the name of the directory that it was moved into.
	dir string
}

// SetAside moves a file aside whose content may be removed, if that is as. Whatever has the name is moved first, and then
// compared: another file, which was renamed to the name meanwhile, is put back. While the containers run, writersEnded is
// false, and a file whose writers cannot be known stays.
func (s *Spool) SetAside(name string, as State, writersEnded bool) (*Aside, error) {
	a := &Aside{spool: s, Path: name, state: as, dir: s.asides.make()}
	err := s.checkRemovable(name, as, writersEnded)
	if err == nil {
		err = s.inDirectory(name, a.move)
	}
	if err != nil {
		return nil, fmt.Errorf("remove %q: %w", name, err)
	}
	return a, nil
}

// checkRemovable returns why a file may not be removed; nil: it may.
func (s *Spool) checkRemovable(name string, as State, writersEnded bool) error {
	f, err := s.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := refuseWriters(f.Writers(), writersEnded); err != nil {
		return err
	}
	if state, err := f.State(); err != nil || state != as {
		return errors.Join(err, ErrReplaced)
	}
	return nil
}

// refuseWriters returns why the writers of a file keep it from being removed; nil: they do not.
func refuseWriters(w Writers, ended bool) error {
	switch {
	case w == HasWriters:
		return ErrHasWriters
	case w == WritersUnknown && !ended:
		return ErrWritersUnknown
	}
	return nil
}

// move moves the file from the directory dir into one of its own.
func (a *Aside) move(dir int, base string) error {
	if err := unix.Mkdirat(dir, a.dir, 0o700); err != nil {
		return explainUnwritable(err)
	}
	aside, err := openAt(dir, a.dir, unix.O_DIRECTORY|unix.O_PATH)
	if err != nil {
		return err
	}
	defer unix.Close(aside)
	if err := unix.Renameat2(dir, base, aside, base, unix.RENAME_NOREPLACE); err != nil {
		return errors.Join(explainUnwritable(err), unix.Unlinkat(dir, a.dir, unix.AT_REMOVEDIR))
	}
	var st unix.Stat_t
	if err := statAt(aside, base, &st); err != nil {
		return err
	}
	if state, err := stateOf(&st); err != nil || !state.SameContent(a.state) {
		return errors.Join(ErrReplaced, a.putBack(dir, aside, base))
	}
	return nil
}

// explainUnwritable adds to an error of changing a directory who may.
func explainUnwritable(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("user %d, as whom the uploader runs, may not write in its directory: run both as one user: %w", os.Geteuid(), err)
	}
	return err
}

// Remove removes the file. A writer that had looked the file up before it was moved may have opened or changed it since:
// then Remove puts it back, and returns why.
func (a *Aside) Remove(writersEnded bool) error {
	return a.inDirectories(func(dir, aside int, base string) error {
		if err := a.unlink(aside, base, writersEnded); err != nil {
			return errors.Join(err, a.putBack(dir, aside, base))
		}
		return unix.Unlinkat(dir, a.dir, unix.AT_REMOVEDIR)
	})
}

// PutBack puts the file back.
func (a *Aside) PutBack() error { return a.inDirectories(a.putBack) }

// inDirectories calls do with the directory of the file, and the one that it was moved into.
func (a *Aside) inDirectories(do func(dir, aside int, base string) error) error {
	err := a.spool.inDirectory(a.Path, func(dir int, base string) error {
		aside, err := openAt(dir, a.dir, unix.O_DIRECTORY|unix.O_PATH)
		if err != nil {
			return err
		}
		defer unix.Close(aside)
		return do(dir, aside, base)
	})
	if err != nil {
		return fmt.Errorf("remove %q: %w", a.Path, err)
	}
	return nil
}

// unlink removes the file from its directory. It holds a lease until then, so that no process can open the file to write.
func (a *Aside) unlink(aside int, base string, writersEnded bool) error {
	fd, err := openAt(aside, base, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return err
	}
	f := &File{File: os.NewFile(uintptr(fd), a.Path), Path: a.Path}
	defer f.Close() // And returns the lease.
	writers := f.takeLease()
	if err := refuseWriters(writers, writersEnded); err != nil {
		return err
	}
	if state, err := f.State(); err != nil || !state.SameContent(a.state) {
		return errors.Join(err, ErrReplaced)
	}
	if writers == NoWriters && !f.leaseHeld() {
		return ErrHasWriters // It waits for the lease.
	}
	return unix.Unlinkat(aside, base, 0)
}

// putBack puts the file back, and removes the directory that it was moved into.
func (a *Aside) putBack(dir, aside int, base string) error {
	err := a.spool.putBack(a.Path, dir, aside, base)
	if err != nil {
		return err
	}
	return unix.Unlinkat(dir, a.dir, unix.AT_REMOVEDIR)
}

// putBack moves a file back to its name. Where another file has taken the name meanwhile, it gets one beside it, by which
// it is uploaded as any other file.
func (s *Spool) putBack(name string, dir, aside int, base string) error {
	err := unix.Renameat2(aside, base, dir, base, unix.RENAME_NOREPLACE)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	kept := keptName(base)
	if err := unix.Renameat2(aside, base, dir, kept, unix.RENAME_NOREPLACE); err != nil {
		return err
	}
	if s.ReportKept != nil {
		s.ReportKept(name, path.Join(path.Dir(name), kept))
	}
	return nil
}

// maxName is the length of a name that file systems take, in bytes (NAME_MAX of limits.h).
const maxName = 255

// keptName returns a name for a file whose own is taken.
func keptName(base string) string {
	end := ".kept-" + rand.Text()[:8]
	return base[:min(len(base), maxName-len(end))] + end
}

// putBackLeftover puts back what a process that was killed has moved aside into a directory. It returns an error where
// it could not: then the file is where it was.
func (s *Spool) putBackLeftover(d *os.File, name string) error {
	base := path.Base(name)
	if s.asides.owns(base) || s.ReportKept == nil {
		return nil
	}
	fd, err := openAt(int(d.Fd()), base, unix.O_DIRECTORY|unix.O_RDONLY)
	if err != nil {
		return ignoreGone(err)
	}
	aside := newDirectory(fd)
	defer aside.Close()
	files, err := aside.Readdirnames(-1)
	if err != nil {
		return ignoreGone(err)
	}
	for _, file := range files {
		if err := s.putBack(path.Join(path.Dir(name), file), int(d.Fd()), fd, file); err != nil {
			return ignoreGone(err) // Another sidecar of the volume may have been faster.
		}
	}
	return ignoreGone(unix.Unlinkat(int(d.Fd()), base, unix.AT_REMOVEDIR))
}
