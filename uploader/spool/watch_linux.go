package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Watcher reports events of the spool. It reads inotify itself: fsnotify v1.10.1 does not report that a writer has
// closed a file, which is the event that matters here. Events may be missed: walks must find what they did not report.
type Watcher struct {
	spool *Spool
	file  *os.File
	paths map[int32]string // of the directories, by watch descriptor
}

// watchMask are the events of each directory. IN_CREATE of a file is for hard links, which no writer closes.
const watchMask = unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_CREATE | unix.IN_ONLYDIR

// Watch returns a watcher of every directory of the spool.
func (s *Spool) Watch() (*Watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if errors.Is(err, unix.EMFILE) {
		return nil, fmt.Errorf("watch the spool: the node's limit fs.inotify.max_user_instances is reached; raise it with sysctl on the node: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("watch the spool: %w", err)
	}
	w := &Watcher{spool: s, file: os.NewFile(uintptr(fd), "inotify"), paths: map[int32]string{}}
	if err := w.watchDir("."); err != nil {
		return nil, errors.Join(fmt.Errorf("watch the spool: %w", err), w.Close())
	}
	return w, nil
}

// Close ends Run.
func (w *Watcher) Close() error { return w.file.Close() }

// watchDir adds a directory and those below it to the watch.
func (w *Watcher) watchDir(dir string) error {
	if !w.spool.enters(dir) {
		return nil
	}
	info, err := w.spool.root.Lstat(dir)
	if err != nil || !info.IsDir() {
		return ignoreGone(err)
	}
	d, err := w.spool.root.Open(dir)
	if err != nil {
		return ignoreClosed(err)
	}
	defer d.Close()
	// This path names the open directory: nothing can take its place.
	var wd int
	err = w.withDescriptor(func(fd int) (err error) {
		wd, err = unix.InotifyAddWatch(fd, fmt.Sprintf("/proc/self/fd/%d", d.Fd()), watchMask)
		return err
	})
	if errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("%s: the node's limit fs.inotify.max_user_watches is reached; raise it with sysctl on the node: %w", dir, err)
	}
	if err != nil {
		return ignoreClosed(err)
	}
	w.paths[int32(wd)] = dir //nolint:gosec // A watch descriptor has 32 bits.
	entries, err := d.ReadDir(-1)
	if err != nil {
		return ignoreClosed(err)
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		if err := w.watchDir(path.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// withDescriptor calls do with the descriptor. Fd would make it block, and then Close would not end Run.
func (w *Watcher) withDescriptor(do func(fd int) error) error {
	conn, err := w.file.SyscallConn()
	if err != nil {
		return err
	}
	var done error
	if err := conn.Control(func(fd uintptr) { done = do(int(fd)) }); err != nil {
		return err
	}
	return done
}

// ignoreGone returns nil for the error of a directory that has disappeared, and err otherwise.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// ignoreClosed returns nil for the error of a directory that has disappeared, or that the sidecar may not read, and err otherwise. A walk
// reports the latter, and the other directories are watched.
func ignoreClosed(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return ignoreGone(err)
}

// unwatchDir removes a directory that was moved away, and those below it, from the watch.
func (w *Watcher) unwatchDir(dir string) {
	for wd, name := range w.paths {
		if name == dir || strings.HasPrefix(name, dir+"/") {
			// The kernel has dropped the watch itself where the directory is gone.
			_ = w.withDescriptor(func(fd int) error {
				_, err := unix.InotifyRmWatch(fd, uint32(wd)) //nolint:gosec // As above.
				return err
			})
			delete(w.paths, wd)
		}
	}
}

// Run calls report with each event until Close: then it returns nil.
func (w *Watcher) Run(report func(Event)) error {
	buffer := make([]byte, 64<<10)
	for {
		n, err := w.file.Read(buffer)
		if errors.Is(err, os.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("watch the spool: %w", err)
		}
		for rest := buffer[:n]; len(rest) >= unix.SizeofInotifyEvent; {
			wd := int32(binary.NativeEndian.Uint32(rest)) //nolint:gosec // The kernel's own type.
			what := binary.NativeEndian.Uint32(rest[unsafe.Offsetof(unix.InotifyEvent{}.Mask):])
			length := binary.NativeEndian.Uint32(rest[unsafe.Offsetof(unix.InotifyEvent{}.Len):])
			end := unix.SizeofInotifyEvent + int(length)
			name, _, _ := bytes.Cut(rest[unix.SizeofInotifyEvent:end], []byte{0})
			rest = rest[end:]
			if err := w.handleEvent(wd, what, string(name), report); err != nil {
				return err
			}
		}
	}
}

// handleEvent reports an event of inotify, and updates the watch.
func (w *Watcher) handleEvent(wd int32, what uint32, name string, report func(Event)) error {
	if what&unix.IN_Q_OVERFLOW != 0 {
		// A directory may have been created that is not watched.
		report(Event{Walk: true})
		return w.watchDir(".")
	}
	dir, known := w.paths[wd]
	switch {
	case what&unix.IN_IGNORED != 0:
		delete(w.paths, wd)
	case !known:
	case what&unix.IN_ISDIR == 0 && what&unix.IN_MOVED_FROM == 0:
		report(Event{Path: path.Join(dir, name), Closed: what&unix.IN_CREATE == 0})
	case what&unix.IN_ISDIR != 0 && what&unix.IN_MOVED_FROM != 0:
		w.unwatchDir(path.Join(dir, name))
	case what&unix.IN_ISDIR != 0:
		if err := w.watchDir(path.Join(dir, name)); err != nil {
			return err
		}
		report(Event{Walk: true})
	}
	return nil
}
