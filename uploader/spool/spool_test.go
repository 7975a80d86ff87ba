//go:build linux

package spool_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lighterman.dev/lighterman/uploader/spool"
)

func open(t *testing.T) (*spool.Spool, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := spool.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, s.Close()) })
	return s, dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestWalkFindsFilesOfAnyName(t *testing.T) {
	s, dir := open(t)
	names := []string{"a", "deep/er/b", ".hidden", "sp ace", "\xff\xfe", "new\nline", "ünï", "d/.x/y", "*?[", "-rf"}
	for _, name := range names {
		write(t, dir, name, name)
	}
	must(t, os.Mkdir(filepath.Join(dir, "empty"), 0o755))
	var found []string
	s.Walk(".", func(e spool.Entry) bool {
		if e.Err != nil || e.State.Size != int64(len(e.Path)) {
			t.Errorf("%+v", e)
		}
		found = append(found, e.Path)
		return true
	})
	slices.Sort(found)
	slices.Sort(names)
	if !slices.Equal(found, names) {
		t.Errorf("got %q, want %q", found, names)
	}
}

func TestNothingButFilesIsOpened(t *testing.T) {
	s, dir := open(t)
	outside := t.TempDir()
	write(t, outside, "secret", "not yours")
	write(t, dir, "file", "yours")
	for name, target := range map[string]string{
		"link-out": filepath.Join(outside, "secret"), "link-in": "file", "dir-out": outside,
		"dangling": "none", "loop": "loop",
	} {
		must(t, os.Symlink(target, filepath.Join(dir, name)))
	}
	must(t, unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	if os.Getuid() == 0 {
		must(t, unix.Mknod(filepath.Join(dir, "device"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))))
	}
	s.Walk(".", func(e spool.Entry) bool {
		if (e.Path == "file") != (e.Err == nil) || (e.Err != nil && !errors.Is(e.Err, spool.ErrNotRegular)) {
			t.Errorf("%q: %v", e.Path, e.Err)
		}
		return true
	})
	for _, name := range []string{
		"link-out", "link-in", "dangling", "loop", "pipe", "dir-out", "dir-out/secret", "../x", "/etc/passwd", ".",
	} {
		if f, err := s.Open(name); err == nil {
			t.Errorf("%q was opened", name)
			must(t, f.Close())
		}
	}
	f, err := s.Open("file")
	must(t, err)
	if text, err := io.ReadAll(f); err != nil || string(text) != "yours" {
		t.Errorf("got %q, %v", text, err)
	}
	must(t, f.Close())
}

func TestWriters(t *testing.T) {
	s, dir := open(t)
	writer, err := os.Create(filepath.Join(dir, "file"))
	must(t, err)
	f, err := s.Open("file")
	must(t, err)
	defer f.Close()
	if got := f.Writers(); got != spool.HasWriters {
		t.Errorf("while it is open for writing: got %v", got)
	}
	must(t, writer.Close())
	if got := f.Writers(); got != spool.NoWriters {
		t.Errorf("after the writer has closed it: got %v", got)
	}
	// The lease is returned: no writer waits for it.
	again, err := os.OpenFile(filepath.Join(dir, "file"), os.O_WRONLY|unix.O_NONBLOCK, 0)
	must(t, err)
	must(t, again.Close())
}

func TestStateTellsChanges(t *testing.T) {
	s, dir := open(t)
	path := filepath.Join(dir, "file")
	write(t, dir, "file", "one")
	before, err := s.Stat("file")
	must(t, err)
	time.Sleep(before.UntilSettled(time.Now()))
	for name, change := range map[string]func() error{
		"rewritten, with its old time": func() error {
			if err := os.WriteFile(path, []byte("two"), 0o600); err != nil {
				return err
			}
			return os.Chtimes(path, time.Time{}, time.Unix(0, before.Modified))
		},
		"truncated": func() error { return os.Truncate(path, 1) },
		"replaced": func() error {
			write(t, dir, "new", "two")
			return os.Rename(filepath.Join(dir, "new"), path)
		},
	} {
		must(t, change())
		after, err := s.Stat("file")
		must(t, err)
		if after == before {
			t.Errorf("%s: the state is the same", name)
		}
	}
}

func TestSettled(t *testing.T) {
	now := time.Unix(1000, 500_000_000)
	for name, test := range map[string]struct {
		changed time.Time
		want    time.Duration
	}{
		"long ago":         {now.Add(-time.Minute), 0},
		"just now":         {now, 20 * time.Millisecond},
		"a little ago":     {now.Add(-5 * time.Millisecond), 15 * time.Millisecond},
		"in whole seconds": {time.Unix(1000, 0), 1500 * time.Millisecond},
		"in the future":    {now.Add(time.Hour), 20 * time.Millisecond},
	} {
		if got := (spool.State{Changed: test.changed.UnixNano()}).UntilSettled(now); got != test.want {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

func TestRemove(t *testing.T) {
	s, dir := open(t)
	write(t, dir, "file", "one")
	state, err := s.Stat("file")
	must(t, err)
	writer, err := os.OpenFile(filepath.Join(dir, "file"), os.O_WRONLY, 0)
	must(t, err)
	if err := s.Remove("file", state); err == nil {
		t.Error("a file that is being written was removed")
	}
	must(t, writer.Close())
	changed := state
	changed.Size++
	if err := s.Remove("file", changed); err == nil {
		t.Error("a file that has changed was removed")
	}
	must(t, s.Remove("file", state))
	if _, err := s.Stat("file"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// needRoot ends a test that takes files away from another user.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() == 0 {
		return
	}
	const why = "only root can take a file away from another user"
	if os.Getenv("LIGHTERMAN_E2E_REQUIRED") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// asNobody runs do without what lets root read and write everything.
func asNobody(do func() error) error {
	done := make(chan error)
	go func() { done <- asUser(65532, do) }() // The thread ends with it.
	return <-done
}

func TestUnreadableFileSaysWhose(t *testing.T) {
	needRoot(t)
	s, dir := open(t)
	write(t, dir, "file", "one")
	err := asNobody(func() error {
		_, err := s.Open("file")
		return err
	})
	if err == nil || !errors.Is(err, fs.ErrPermission) {
		t.Fatalf("got %v", err)
	}
}

func TestFileThatMayNotBeRemovedSaysWhy(t *testing.T) {
	needRoot(t)
	s, dir := open(t)
	write(t, dir, "file", "one")
	must(t, os.Chmod(filepath.Join(dir, "file"), 0o644))
	state, err := s.Stat("file")
	must(t, err)
	err = asNobody(func() error { return s.Remove("file", state) })
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "run both as one user") {
		t.Fatalf("got %v", err)
	}
}

func TestRemovedFileIsStillOpen(t *testing.T) {
	s, dir := open(t)
	write(t, dir, "file", "one")
	f, err := s.Open("file")
	must(t, err)
	defer f.Close()
	if f.Removed() {
		t.Error("it is there")
	}
	must(t, os.Rename(filepath.Join(dir, "file"), filepath.Join(dir, "other")))
	if f.Removed() {
		t.Error("it has another name")
	}
	must(t, os.Remove(filepath.Join(dir, "other")))
	if !f.Removed() {
		t.Error("it is gone")
	}
}
