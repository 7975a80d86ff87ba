//go:build linux

package spool_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"lighterman.dev/lighterman/uploader/spool"
)

// opens opens a spool, and closes it.
func opens(name string) error {
	s, err := spool.Open(name)
	if err != nil {
		return err
	}
	return s.Close()
}

func refusesLink(t *testing.T, name string, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "it is a link") {
		t.Errorf("%s: got %v", name, err)
	}
}

func TestSpoolThatIsALink(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "real/spool/file", "one")
	for name, target := range map[string]string{
		"absolute": filepath.Join(dir, "real/spool"), "relative": "real/spool", "parent": "real", "deep": "../" + filepath.Base(dir) + "/real",
	} {
		must(t, os.Symlink(target, filepath.Join(dir, name)))
	}
	for _, name := range []string{"absolute", "relative", "parent/spool", "deep/spool"} {
		refusesLink(t, name, opens(filepath.Join(dir, name)))
	}
	must(t, opens(filepath.Join(dir, "real/spool")))
	must(t, opens(filepath.Join(dir, "real/../real/spool")))
	if err := opens(filepath.Join(dir, "real/spool/file")); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("a file: got %v", err)
	}
}

// mountVolume mounts a small file system, as the volume of a pod.
func mountVolume(t *testing.T) string {
	t.Helper()
	needRoot(t)
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	must(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=0777"))
	t.Cleanup(func() { must(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

// TestLinkOfAVolume has a link that a container has made as root in a volume that only root can write, while the uploader is another
// user: unlike a link of the image, it could lead anywhere.
func TestLinkOfAVolume(t *testing.T) {
	volume := mountVolume(t)
	must(t, os.Mkdir(filepath.Join(volume, "data"), 0o755))
	must(t, os.Symlink(t.TempDir(), filepath.Join(volume, "data", "backup")))
	must(t, os.Symlink("data", filepath.Join(volume, "data", "inside")))
	for _, name := range []string{"backup", "inside"} {
		refusesLink(t, name, asNobody(func() error { return opens(filepath.Join(volume, "data", name)) }))
	}
}

// TestLinkOfTheImage has a link of the root file system, such as /var/run, that the uploader may not write.
func TestLinkOfTheImage(t *testing.T) {
	needRoot(t)
	for _, name := range []string{"/bin", "/var/run", "/lib"} {
		if _, err := os.Readlink(name); err == nil {
			must(t, asNobody(func() error { return opens(name) }))
			refusesLink(t, name, opens(name)) // As root, who may write there.
			return
		}
	}
	t.Fatal("this system has no link in its root file system")
}

// TestSpoolThatIsNotThereYet has a directory below a volume that the containers make when they start, which is after the uploader.
func TestSpoolThatIsNotThereYet(t *testing.T) {
	volume := mountVolume(t)
	must(t, opens(filepath.Join(volume, "data/backup")))
	for _, name := range []string{"data", "data/backup"} {
		info, err := os.Stat(filepath.Join(volume, name))
		must(t, err)
		if info.Mode() != fs.ModeDir|0o777 {
			t.Errorf("%s: mode %v: the containers may be other users", name, info.Mode())
		}
	}
	must(t, os.Mkdir(filepath.Join(volume, "closed"), 0o755))
	if err := asNobody(func() error { return opens(filepath.Join(volume, "closed/backup")) }); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
	if err := opens("/no-volume/backup"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is no volume: got %v", err)
	}
}

// TestDirectoryThatBecomesALink has a link in place of a directory of the spool: what lies below it is not there any more.
func TestDirectoryThatBecomesALink(t *testing.T) {
	s, dir := open(t)
	write(t, dir, "private/file", "one")
	write(t, dir, "dir/file", "two")
	state, err := s.Stat("dir/file")
	must(t, err)
	must(t, os.RemoveAll(filepath.Join(dir, "dir")))
	must(t, os.Symlink("private", filepath.Join(dir, "dir")))
	if _, err := s.Stat("dir/file"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("look at it: %v", err)
	}
	if _, err := s.Open("dir/file"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open it: %v", err)
	}
	if _, err := s.SetAside("dir/file", state, true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("remove it: %v", err)
	}
	for e := range s.Walk("dir") {
		t.Errorf("the walk finds %q", e.Path)
	}
}
