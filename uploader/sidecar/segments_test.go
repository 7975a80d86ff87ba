package sidecar_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
)

// contents returns the size of each file that the manifest lists, by path. What it lists is verified.
func (h *harness) contents() (m *manifest.Manifest, sizes map[string]int64) {
	h.Helper()
	m, err := manifest.Load(h.Context(), h.store, manifestKey)
	h.must(err)
	sizes = map[string]int64{}
	for f, err := range m.All(h.Context(), h.store) {
		h.must(err)
		if _, twice := sizes[f.Path]; twice {
			h.Errorf("%s is listed twice", f.Path)
		}
		sizes[f.Path] = f.Size
		h.must(manifest.Verify(h.Context(), h.store, &f, true))
	}
	return m, sizes
}

// TestManifestOfManyFiles: a manifest lists many files in segments, which later manifests of the run take over, and a
// sidecar that has lost its journal, too.
func TestManifestOfManyFiles(t *testing.T) {
	h := newHarness(t, func(c *uploader.Config) { c.Overwrite = true })
	want := map[string]int64{}
	write := func(from, to int, text string) {
		for n := range to - from {
			name := fmt.Sprintf("base/%05d", from+n)
			h.write(name, text)
			want[name] = int64(len(text))
		}
	}
	check := func(what string, segments, files int) (keys []string) {
		t.Helper()
		m, got := h.contents()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", what, diff)
		}
		for _, s := range m.Segments {
			keys = append(keys, s.Key)
		}
		asWanted := segments < 0 || (len(m.Segments) == segments && len(m.Files) == files)
		if !asWanted || m.State != manifest.Drained {
			t.Errorf("%s: %s, %d segments and %d files, want %d and %d", what, m.State, len(m.Segments), len(m.Files), segments, files)
		}
		return keys
	}
	life := func() {
		t.Helper()
		h.ready()
		h.must(h.end())
	}
	write(0, 2500, "one")
	life()
	first := check("many files", 1, 0)
	write(2400, 2600, "another")
	life()
	second := check("a few more", 1, 200)
	write(0, 1200, "the third")
	life()
	third := check("many more", 2, 0)
	// The volume of the pod is lost with the journal: segments are read, not written again.
	h.must(os.Remove(filepath.Join(h.options.Config.Directory, "journal")))
	write(5000, 5001, "the last")
	life()
	fourth := check("without the journal", -1, -1) // The files may be sent again.
	for _, keys := range [][]string{second, third, fourth} {
		if keys[0] != first[0] {
			t.Errorf("the first segment is written again as %s", keys[0])
		}
	}
	if len(fourth) < 2 || fourth[1] != third[1] {
		t.Errorf("the second segment is written again: %q", fourth)
	}
}

// TestManifestThatIsNotWhatWasWritten: the manifest is not believed unseen, and is written as often as data.
func TestManifestThatIsNotWhatWasWritten(t *testing.T) {
	h := newHarness(t, nil)
	h.write("file", "one")
	h.ready()
	h.stored("file", "one")
	puts, stats := 0, 0
	h.fault.set(func(call, key string) error {
		if key != manifestKey {
			return nil
		}
		switch call {
		case "Put":
			if puts++; puts <= 4 {
				return storeError(objstore.Transient)
			}
		case "Stat":
			if stats++; stats == 1 {
				return storeError(objstore.NotFound) // It shows late.
			}
		}
		return nil
	})
	h.write("other", "two")
	h.must(h.end())
	// An open manifest may have been written before the last one. Each that was taken is looked at, the first of them twice.
	if m := h.manifest(); m == nil || m.State != manifest.Drained || len(m.Files) != 2 || puts < 5 || stats != puts-4+1 {
		t.Errorf("after %d writes and %d looks: %+v", puts, stats, m)
	}
}

// A manifest that cannot be seen in the store is none.
func TestManifestThatIsNotThere(t *testing.T) {
	h := newHarness(t, func(c *uploader.Config) { c.DrainTimeoutSeconds = 4 })
	h.ready()
	h.fault.set(func(call, key string) error {
		if key == manifestKey && call == "Stat" {
			return storeError(objstore.NotFound)
		}
		return nil
	})
	h.write("file", "one")
	err := h.end()
	if err == nil || !strings.Contains(err.Error(), "the manifest is not") || errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// TestSkippedEntriesAreBounded: what a container makes by the thousand does not fill the manifest, and is counted.
func TestSkippedEntriesAreBounded(t *testing.T) {
	h := newHarness(t, nil)
	h.write("file", "one")
	for n := range 1100 {
		h.must(os.Symlink("/etc/passwd", filepath.Join(h.spool, fmt.Sprintf("link%04d", n))))
	}
	h.ready()
	h.must(h.end())
	if m := h.manifest(); len(m.Skipped) != 1000 || m.MoreSkipped != 100 {
		t.Errorf("%d are listed, and %d more", len(m.Skipped), m.MoreSkipped)
	}
}

// TestDamagedJournalIsCompletedFromTheManifest: a file that is in the store alone stays in the manifest.
func TestDamagedJournalIsCompletedFromTheManifest(t *testing.T) {
	h := newHarness(t, nil)
	h.write("a", "one")
	h.write("b", "two")
	h.ready()
	h.must(h.end())
	h.must(os.Remove(filepath.Join(h.spool, "a")))
	name := filepath.Join(h.options.Config.Directory, "journal")
	text, err := os.ReadFile(name)
	h.must(err)
	h.must(os.WriteFile(name, []byte(strings.Replace(string(text), `"path":"a"`, "\x00\x00", 1)), 0o600))
	h.ready()
	h.must(h.end())
	if h.names() != "a b" || !strings.Contains(h.logs.text(), "damagedLines=1") {
		t.Errorf("the manifest lists %s", h.names())
	}
}
