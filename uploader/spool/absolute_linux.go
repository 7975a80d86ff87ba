package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is how many links a path may have, as the kernel's own limit (path_resolution(7)).
const maxLinks = 40

// errLink is the error of a link that another container could have made.
var errLink = errors.New("it is a link, and whoever may write beside it could lead the uploader to its own credentials: " +
	"let the path name the directory itself")

// openAbsolute opens the directory at a path, name by name. It does not follow links of a volume, for the other
// containers of the pod can write there; a link to the uploader's own credentials would upload them. Links of the image
// are followed, such as /var/run: they lie in the root file system, which each container has for itself, where the
// uploader itself may not write.
func openAbsolute(name string) (*os.File, error) {
	if name == "" {
		return nil, errors.New("the path is empty")
	}
	name, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	for range maxLinks {
		w := pathWalk{}
		fd, target, err := w.open(strings.FieldsFunc(name, func(r rune) bool { return r == '/' }))
		if err != nil {
			return nil, err
		}
		if target == "" {
			return newDirectory(fd), nil
		}
		name = target
	}
	return nil, unix.ELOOP
}

// pathWalk opens a path from the root directory down.
type pathWalk struct {
	// rootMount is the mount of the root directory; empty: the system does not say.
	rootMount string
}

// open opens the directory. Where a name is a link that may be followed, target is the path by way of it.
func (w *pathWalk) open(names []string) (fd int, target string, err error) {
	at, err := openAt(unix.AT_FDCWD, "/", unix.O_DIRECTORY|unix.O_PATH)
	if err != nil {
		return -1, "", err
	}
	defer func() { unix.Close(at) }()
	w.rootMount = mountOf(at)
	for i, name := range names {
		where := "/" + strings.Join(names[:i+1], "/")
		next, err := openAt(at, name, unix.O_DIRECTORY|unix.O_PATH)
		switch {
		case errors.Is(err, unix.ENOENT) && w.onVolume(at):
			next, err = makeDirectory(at, name)
		case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
			if target, err = w.followLink(at, name, filepath.Dir(where)); target != "" {
				return -1, filepath.Join(append([]string{target}, names[i+1:]...)...), nil
			}
		}
		if err != nil {
			return -1, "", fmt.Errorf("%s: %w", where, err)
		}
		unix.Close(at)
		at = next
	}
	fd, err = openAt(at, ".", unix.O_DIRECTORY|unix.O_RDONLY)
	if err != nil {
		var st unix.Stat_t
		if unix.Fstat(at, &st) == nil {
			err = explainPermission(err, &st)
		}
	}
	return fd, "", err
}

// onVolume reports whether a directory lies in another mount than the root directory.
func (w *pathWalk) onVolume(dir int) bool {
	mount := mountOf(dir)
	return mount != "" && w.rootMount != "" && mount != w.rootMount
}

// followLink returns the target of a link that no other container can have made, as an absolute path.
func (w *pathWalk) followLink(dir int, name, where string) (string, error) {
	buffer := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(dir, name, buffer)
	if err != nil {
		return "", unix.ENOTDIR // It is a file.
	}
	var of, link unix.Stat_t
	if unix.Fstat(dir, &of) != nil || statAt(dir, name, &link) != nil {
		return "", errLink
	}
	const othersMayWrite = 0o022
	mayWrite := unix.Faccessat(dir, ".", unix.W_OK, unix.AT_EACCESS) == nil
	if mayWrite || w.rootMount == "" || mountOf(dir) != w.rootMount || of.Uid != 0 || link.Uid != 0 || of.Mode&othersMayWrite != 0 {
		return "", errLink
	}
	target := string(buffer[:n])
	if !filepath.IsAbs(target) {
		target = filepath.Join(where, target)
	}
	return filepath.Clean(target), nil
}

// makeDirectory makes a directory of the spool's path that the containers have not made yet. They may run as any user,
// so anybody may write in it, as in an emptyDir.
func makeDirectory(dir int, name string) (int, error) {
	if err := unix.Mkdirat(dir, name, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return -1, fmt.Errorf("make it, for no container has: %w: make it beforehand, or run the uploader as the user who may", err)
	}
	// Mkdirat heeds the umask, and Fchmod needs a descriptor that was opened for reading.
	fd, err := openAt(dir, name, unix.O_DIRECTORY|unix.O_RDONLY)
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	if err := unix.Fchmod(fd, st.Mode&0o7777|0o777); err != nil && !errors.Is(err, fs.ErrPermission) {
		return -1, errors.Join(err, unix.Close(fd)) // Permission: a container was faster.
	}
	return fd, nil
}

// mountOf returns the number of the mount that an open directory lies in, from proc_pid_fdinfo(5); empty: the system
// does not say.
func mountOf(fd int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/thread-self/fdinfo/%d", fd))
	if err != nil {
		return ""
	}
	for line := range bytes.Lines(text) {
		if number, found := bytes.CutPrefix(line, []byte("mnt_id:")); found {
			return string(bytes.TrimSpace(number))
		}
	}
	return ""
}
