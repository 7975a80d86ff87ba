//go:build linux

package spool_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"lighterman.dev/lighterman/uploader/spool"
)

// names are those in a directory.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return strings.Join(names, " ")
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	must(t, err)
	return string(text)
}

func TestSetAsideOfAChangedFile(t *testing.T) {
	s, dir := open(t)
	write(t, dir, "file", "one")
	state, err := s.Stat("file")
	must(t, err)
	writer, err := os.OpenFile(filepath.Join(dir, "file"), os.O_WRONLY, 0)
	must(t, err)
	if _, err := s.SetAside("file", state, true); !errors.Is(err, spool.ErrHasWriters) {
		t.Errorf("open for writing: %v", err)
	}
	must(t, writer.Close())
	changed := state
	changed.Size++
	if _, err := s.SetAside("file", changed, true); !errors.Is(err, spool.ErrReplaced) {
		t.Errorf("changed: %v", err)
	}
	if got := names(t, dir); got != "file" {
		t.Errorf("the spool has %s", got)
	}
	aside, err := s.SetAside("file", state, true)
	must(t, err)
	if _, err := s.Stat("file"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is not aside: %v", err)
	}
	must(t, aside.Remove(true))
	if got := names(t, dir); got != "" {
		t.Errorf("the spool still has %s", got)
	}
}

// TestRemoveOfAFileThatIsWrittenAside has writers that had opened the file, or looked it up, before it was moved.
func TestRemoveOfAFileThatIsWrittenAside(t *testing.T) {
	for name, test := range map[string]struct {
		// write changes the file through a descriptor that was opened before; closed means that it is closed then.
		written, closed bool
		// taken means that another file has the name by then.
		taken bool
		want  error
	}{
		"open":            {want: spool.ErrHasWriters},
		"written":         {written: true, closed: true, want: spool.ErrReplaced},
		"open, and taken": {taken: true, want: spool.ErrHasWriters},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := open(t)
			write(t, dir, "file", "one")
			state, err := s.Stat("file")
			must(t, err)
			var kept string
			s.ReportKept = func(_, as string) { kept = as }
			aside, err := s.SetAside("file", state, false)
			must(t, err)
			moved, err := filepath.Glob(filepath.Join(dir, ".lighterman-aside-*", "file"))
			must(t, err)
			writer, err := os.OpenFile(moved[0], os.O_WRONLY|os.O_APPEND, 0)
			must(t, err)
			want := "one"
			if test.written {
				_, err = writer.WriteString(" more")
				must(t, err)
				want += " more"
			}
			if test.closed {
				must(t, writer.Close())
			}
			if test.taken {
				write(t, dir, "file", "two")
			}
			if err := aside.Remove(false); !errors.Is(err, test.want) {
				t.Errorf("got %v", err)
			}
			if !test.taken {
				kept = "file"
			} else if got := read(t, dir, "file"); got != "two" {
				t.Errorf("the file that has taken the name holds %q", got)
			}
			if got := read(t, dir, kept); got != want {
				t.Errorf("it holds %q", got)
			}
		})
	}
}

func TestWalkPutsBackLeftovers(t *testing.T) {
	s, dir := open(t)
	for name, text := range map[string]string{"d/free": "one", "d/taken": "one"} {
		write(t, dir, name, text)
		state, err := s.Stat(name)
		must(t, err)
		_, err = s.SetAside(name, state, true)
		must(t, err)
	}
	write(t, dir, "d/taken", "two")
	for e := range s.Walk(".") {
		if e.Path != "d/taken" {
			t.Errorf("this process has %q aside, and its walk finds it: %v", e.Path, e.Err)
		}
	}

	// Another process, after the first was killed.
	later, err := spool.Open(dir)
	must(t, err)
	defer later.Close()
	kept := map[string]string{}
	later.ReportKept = func(name, as string) { kept[name] = as }
	for e := range later.Walk(".") {
		must(t, e.Err)
	}
	if got := read(t, dir, "d/free"); got != "one" {
		t.Errorf("what is put back holds %q", got)
	}
	if got := read(t, dir, "d/taken"); got != "two" {
		t.Errorf("what has taken a name holds %q", got)
	}
	if len(kept) != 1 || read(t, dir, kept["d/taken"]) != "one" {
		t.Errorf("kept are %v of %s", kept, names(t, filepath.Join(dir, "d")))
	}
	if got := names(t, filepath.Join(dir, "d")); strings.Contains(got, "aside") {
		t.Errorf("left over: %s", got)
	}
}

// TestKeptNameFits has a file whose name is as long as can be.
func TestKeptNameFits(t *testing.T) {
	s, dir := open(t)
	name := strings.Repeat("n", 255)
	write(t, dir, name, "one")
	state, err := s.Stat(name)
	must(t, err)
	aside, err := s.SetAside(name, state, true)
	must(t, err)
	write(t, dir, name, "two")
	var kept string
	s.ReportKept = func(_, as string) { kept = as }
	must(t, aside.PutBack())
	if read(t, dir, kept) != "one" || read(t, dir, name) != "two" {
		t.Errorf("kept as %q", kept)
	}
}

// TestNothingIsRemovedUnseen renames thousands of versions over one name, and removes it as often as it can. A version is replaced
// by the next one, or removed by its own state, or is there in the end.
func TestNothingIsRemovedUnseen(t *testing.T) {
	const versions = 5000
	s, dir := open(t)
	var mu sync.Mutex
	keptAs := []string{}
	s.ReportKept = func(_, as string) {
		mu.Lock()
		defer mu.Unlock()
		keptAs = append(keptAs, as)
	}
	removed := map[string]bool{} // by content
	absent := map[string]bool{}  // versions that had vanished when the next one came
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range versions {
			text := strconv.Itoa(i)
			if err := os.WriteFile(filepath.Join(dir, ".new"), []byte(text), 0o600); err != nil {
				t.Error(err)
				return
			}
			from, to := filepath.Join(dir, ".new"), filepath.Join(dir, "file")
			err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
			switch {
			case errors.Is(err, fs.ErrExist):
				err = os.Rename(from, to)
			case err == nil && i > 0:
				absent[strconv.Itoa(i-1)] = true
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		state, text, err := content(s, "file")
		if err != nil {
			continue
		}
		aside, err := s.SetAside("file", state, false)
		if err != nil {
			continue
		}
		if err := aside.Remove(false); err == nil {
			removed[text] = true
		}
	}
	left := map[string]bool{}
	for e := range s.Walk(".") {
		must(t, e.Err)
		left[read(t, dir, e.Path)] = true
	}
	for version := range absent {
		if !removed[version] && !left[version] {
			t.Errorf("version %s is gone: it was neither replaced nor removed", version)
		}
	}
	if last := strconv.Itoa(versions - 1); !removed[last] && !left[last] {
		t.Error("the last version is gone")
	}
	t.Logf("%d versions: %d removed, %d kept beside", versions, len(removed), len(keptAs))
	if len(removed) < versions/100 {
		t.Errorf("only %d of %d were removed: nothing was tried", len(removed), versions)
	}
}

// content returns the state and the content of a file.
func content(s *spool.Spool, name string) (spool.State, string, error) {
	f, err := s.Open(name)
	if err != nil {
		return spool.State{}, "", err
	}
	defer f.Close()
	state, err := f.State()
	if err != nil {
		return state, "", err
	}
	text := make([]byte, state.Size)
	if _, err := f.ReadAt(text, 0); err != nil {
		return state, "", fmt.Errorf("read: %w", err)
	}
	return state, string(text), nil
}
