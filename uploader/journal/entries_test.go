package journal_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/spool"
)

// newEntry returns an entry of which the number of the content is a part.
func newEntry(path string, content int64) journal.Entry {
	return journal.Entry{
		File: manifest.File{
			Path: path, Key: "backups/payments/pg/" + path, Size: content, SHA256: fmt.Sprintf("%064x", content),
			Checksum: objstore.Sum{Algorithm: objstore.CRC32C, Value: "AAAAAA=="},
		},
		State: spool.State{Device: 1, Inode: 2, Size: content, Modified: 1e18, Changed: 1e18 + content},
	}
}

// contents returns the content of each path, as All does, and that Entry and Totals say the same.
func contents(t *testing.T, j *journal.Journal) map[string]int64 {
	t.Helper()
	found := map[string]int64{}
	bytes := int64(0)
	for e, err := range j.All() {
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := found[e.Path]; twice {
			t.Errorf("%s comes twice", e.Path)
		}
		found[e.Path] = e.Size
		bytes += e.Size
		if got, ok := j.Entry(e.Path); !ok || got != e {
			t.Errorf("Entry returns %+v, and All %+v", got, e)
		}
	}
	if files, total := j.Totals(); files != len(found) || total != bytes {
		t.Errorf("totals: %d files with %d bytes, and there are %d with %d", files, total, len(found), bytes)
	}
	if _, ok := j.Entry("no file of the run"); ok {
		t.Error("there is an entry that was not added")
	}
	return found
}

// TestManyEntries adds and replaces thousands of entries, with a journal that is compacted and opened again all the time.
func TestManyEntries(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, dir, "run")
	random := rand.New(rand.NewPCG(1, 2))
	want := map[string]int64{}
	j.BeginUpload(upload)
	j.AddPart("a", part)
	j.BeginUpload(journal.Upload{Path: "staged", ID: "s"})
	j.StageUpload("staged", journal.Staged{SHA256: "00"})
	for n := range 20_000 {
		j.SetLimits(1<<30, 64<<10)
		path := fmt.Sprintf("base/%d/%07d", random.IntN(3), random.IntN(3000))
		want[path] = int64(n)
		j.AddEntry(newEntry(path, int64(n)))
		if random.IntN(2000) == 0 {
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			j, _ = open(t, dir, "run")
		}
	}
	if diff := cmp.Diff(want, contents(t, j)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if u, ok := j.Upload("a"); !ok || len(u.Parts) != 1 {
		t.Errorf("the upload is %+v", u)
	}
	if u, ok := j.Upload("staged"); !ok || u.Staged == nil || u.ID != "s" {
		t.Errorf("the staged upload is %+v", u)
	}
	info, err := os.Stat(filepath.Join(dir, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	if needed := int64(len(want) * 600); info.Size() > 2*needed+64<<10 {
		t.Errorf("the journal has %d bytes, and needs %d", info.Size(), needed)
	}
}

// TestSnapshotStaysAsItIs: what is added while a manifest is written is not in it, and is there afterwards.
func TestSnapshotStaysAsItIs(t *testing.T) {
	j, _ := open(t, t.TempDir(), "run")
	want := map[string]int64{}
	for n := range int64(5000) {
		path := fmt.Sprint(n % 4000)
		want[path] = n
		j.AddEntry(newEntry(path, n))
	}
	j.SetLimits(1<<30, 1)
	s := j.Snapshot()
	before := maps.Clone(want)
	for n := range int64(2000) {
		for _, path := range []string{fmt.Sprint(2 * n), fmt.Sprint(-n - 1)} {
			want[path] = n
			j.AddEntry(newEntry(path, n))
		}
		if n == 1000 {
			if got, ok := j.Entry("10"); !ok || got.Size != 5 {
				t.Errorf("the newest content is not found: %+v", got)
			}
		}
	}
	for _, since := range []int64{0, 1, 999, 1000, 3456, 4999, 5000} {
		got := map[string]int64{}
		for e, err := range s.Since(since) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Number <= since || e.Number > s.Last {
				t.Errorf("an entry with number %d", e.Number)
			}
			got[e.Path] = e.Size
		}
		for path, content := range before {
			if number := content + 1; number <= since {
				continue
			}
			if got[path] != content {
				t.Fatalf("since %d: %s has content %d, want %d", since, path, got[path], content)
			}
			delete(got, path)
		}
		if len(got) > 0 {
			t.Errorf("since %d: %d entries too many", since, len(got))
		}
	}
	if s.Files != len(before) {
		t.Errorf("%d files, want %d", s.Files, len(before))
	}
	s.Close()
	if diff := cmp.Diff(want, contents(t, j)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if e, _ := j.Recorded("10"); !e.Replaces {
		t.Error("an entry replaces one that the manifest lists, and does not say so")
	}
	if e, _ := j.Recorded("-1"); e.Replaces {
		t.Error("a new entry says that it replaces one")
	}
}

// A line that is damaged in the middle costs what it recorded, and nothing else.
func TestJournalThatIsDamaged(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, dir, "run")
	for n := range int64(100) {
		j.AddEntry(newEntry(fmt.Sprint(n), n))
	}
	j.SetSegments([]journal.Segment{{Last: 100}})
	command := journal.Command{Container: "dump", Attempt: 1, Code: 3, State: journal.CommandFailed}
	j.RecordCommand(command)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "journal")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(text), `"path":"50"`)
	copy(text[at:], "\x00\x00\x00\x00")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	j, _ = open(t, dir, "run")
	if got := contents(t, j); len(got) != 99 || got["99"] != 99 {
		t.Errorf("%d entries are left", len(got))
	}
	if j.Damaged() != 1 {
		t.Errorf("%d lines are damaged", j.Damaged())
	}
	if diff := cmp.Diff([]journal.Command{command}, j.Commands()); diff != "" {
		t.Errorf("commands, -want +got:\n%s", diff)
	}
	if got := j.Segments(); len(got) > 0 {
		t.Errorf("the segments may list what is lost: %+v", got)
	}
	j.AddEntry(newEntry("new", 7))
	if e, _ := j.Recorded("new"); e.Number != 101 {
		t.Errorf("the new entry has number %d", e.Number)
	}
}

// A journal that can grow no more is an error of the manifest, not files that are missing in it.
func TestJournalThatIsFull(t *testing.T) {
	j, _ := open(t, t.TempDir(), "run")
	j.SetLimits(20_000, 1<<30)
	want := map[string]int64{}
	for n := range int64(100) {
		want[fmt.Sprint(n)] = n
		j.AddEntry(newEntry(fmt.Sprint(n), n))
	}
	if diff := cmp.Diff(want, contents(t, j)); diff != "" {
		t.Errorf("what is kept in memory, -want +got:\n%s", diff)
	}
	if err := j.Sync(); err == nil || !strings.Contains(err.Error(), "divide the files") {
		t.Errorf("got %v", err)
	}
	for n := range int64(21_000) {
		j.AddEntry(newEntry(fmt.Sprint(n), n))
	}
	var failed error
	for _, err := range j.All() {
		failed = err
	}
	if failed == nil || !strings.Contains(failed.Error(), "divide the files") {
		t.Errorf("entries are missing, and the error is %v", failed)
	}
}

// TestMemoryOfEntries: the journal holds no more than 24 bytes in memory for each of 100,000 files.
func TestMemoryOfEntries(t *testing.T) {
	j, _ := open(t, t.TempDir(), "run")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const files = 100_000
	for n := range int64(files) {
		j.AddEntry(newEntry(fmt.Sprintf("base/16384/%07d_fsm", n), n))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	perFile := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / files
	if perFile > 24 {
		t.Errorf("%d bytes for each file", perFile)
	}
	t.Logf("%d bytes for each file", perFile)
	if got, _ := j.Totals(); got != files {
		t.Errorf("%d files", got)
	}
}

// TestCommandsAreBounded: a container that fails for ever does not fill the memory, and its first attempt keeps its time.
func TestCommandsAreBounded(t *testing.T) {
	j, _ := open(t, t.TempDir(), "run")
	j.RecordCommand(journal.Command{Container: "other", Attempt: 1})
	for n := range 3000 {
		j.RecordCommand(journal.Command{Container: "dump", Attempt: n + 1, State: journal.CommandFailed})
	}
	got := j.Commands()
	if len(got) > 1001 || got[0].Container != "other" || got[1].Attempt != 1 || got[len(got)-1].Attempt != 3000 {
		t.Errorf("%d attempts: %+v … %+v", len(got), got[:2], got[len(got)-1])
	}
}
