package journal_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/spool"
	"lighterman.dev/lighterman/uploader/storetest"
)

func open(t *testing.T, dir, run string) (*journal.Journal, []journal.Upload) {
	t.Helper()
	j, stale, err := journal.Open(dir, run)
	if err != nil {
		t.Fatal(err)
	}
	return j, stale
}

var (
	upload = journal.Upload{Path: "a", Key: "k/a", ID: "1", PartSize: 5}
	part   = objstore.Part{Number: 2, Size: 5, Sum: objstore.Sum{Algorithm: objstore.CRC32C, Value: "AAAA"}, Tag: "t"}
	entry  = journal.Entry{
		File:  manifest.File{Path: "b", Key: "k/b", Size: 3, SHA256: "00", Version: "v"},
		State: spool.State{Device: 1, Inode: 2, Size: 3, Modified: 4, Changed: 5},
	}
)

func fill(j *journal.Journal) {
	j.BeginUpload(upload)
	j.AddPart("a", part)
	j.BeginUpload(journal.Upload{Path: "gone", ID: "2"})
	j.EndUpload("gone")
	j.BeginUpload(journal.Upload{Path: "b", ID: "3"})
	j.AddEntry(entry)
}

// check looks for what fill has noted.
func check(t *testing.T, j *journal.Journal) {
	t.Helper()
	want := upload
	want.Parts = map[int]objstore.Part{2: part}
	if diff := cmp.Diff([]journal.Upload{want}, j.Uploads()); diff != "" {
		t.Errorf("uploads, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]journal.Entry{entry}, j.Entries()); diff != "" {
		t.Errorf("entries, -want +got:\n%s", diff)
	}
	if got, ok := j.Upload("a"); !ok || len(got.Parts) != 1 {
		t.Errorf("got %+v", got)
	}
	if _, ok := j.Upload("b"); ok {
		t.Error("the upload of a file that is done is still there")
	}
	if got, ok := j.Entry("b"); !ok || got != entry {
		t.Errorf("got %+v", got)
	}
}

func TestJournalIsReadAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	j, _ := open(t, dir, "run")
	fill(j)
	check(t, j)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // The second time it is what the first has rewritten.
		again, stale := open(t, dir, "run")
		check(t, again)
		if len(stale) > 0 {
			t.Errorf("stale: %+v", stale)
		}
	}
}

func TestJournalOfAnotherRun(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, dir, "one")
	fill(j)
	other, stale := open(t, dir, "other")
	if len(stale) != 1 || stale[0].ID != "1" {
		t.Errorf("stale: %+v", stale)
	}
	if len(other.Uploads()) > 0 || len(other.Entries()) > 0 {
		t.Error("what another run has done counts")
	}
}

// TestFormat compares the lines byte for byte: a sidecar that was restarted may be of another version.
func TestFormat(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, dir, "run")
	fill(j)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"run":"run"}
{"begin":{"path":"a","key":"k/a","id":"1","partSize":5}}
{"part":{"path":"a","part":{"number":2,"size":5,"sum":{"algorithm":"CRC32C","value":"AAAA"},"tag":"t"}}}
{"begin":{"path":"gone","key":"","id":"2","partSize":0}}
{"end":"gone"}
{"begin":{"path":"b","key":"","id":"3","partSize":0}}
{"done":{"path":"b","key":"k/b","size":3,"sha256":"00","version":"v","modified":"0001-01-01T00:00:00Z",` +
		`"stored":"0001-01-01T00:00:00Z","state":{"device":1,"inode":2,"size":3,"modified":4,"changed":5}}}
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Wherever a crash cuts the file off, what is before is read, and the journal goes on.
func TestJournalThatWasTorn(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, dir, "run")
	fill(j)
	text, err := os.ReadFile(filepath.Join(dir, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	torn := storetest.TempDir(t)
	for n := range len(text) {
		for _, end := range []string{"", "\x00\x00\x00", "{\n", "\xff"} {
			if err := os.WriteFile(filepath.Join(torn, "journal"), append(text[:n:n], end...), 0o600); err != nil {
				t.Fatal(err)
			}
			again, _ := open(t, torn, "run")
			fill(again)
			if err := again.Close(); err != nil {
				t.Fatal(err)
			}
			again, _ = open(t, torn, "run")
			check(t, again)
		}
	}
}

func TestJournalOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, dir, "run")
	fill(j)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j.BeginUpload(journal.Upload{Path: "later", ID: "4"}) // It cannot be written any more.
	if _, ok := j.Upload("later"); !ok {
		t.Error("what cannot be written is not remembered")
	}
	if j.Sync() == nil {
		t.Error("no error is returned")
	}
	again, _ := open(t, dir, "run")
	check(t, again)
}

func TestOpenWithoutLeave(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := journal.Open(name, "run"); err == nil {
		t.Error("a file is no directory")
	}
}
