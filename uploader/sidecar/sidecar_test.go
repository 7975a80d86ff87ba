package sidecar_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
)

func TestFilesAreStoredWhenTheyAreClosed(t *testing.T) {
	h := newHarness(t, nil)
	h.write("before", "was there before")
	h.ready()
	h.stored("before", "was there before")
	h.write("a", "one")
	h.stored("a", "one")
	h.write("new/dir/b", "two")
	h.stored("new/dir/b", "two")
	h.must(os.Rename(filepath.Join(h.spool, "a"), filepath.Join(h.spool, "moved")))
	h.stored("moved", "one")
	h.write("100%\xff", "a name of any bytes")
	h.stored("100%25%FF", "a name of any bytes")
	h.must(h.end())
	if got := h.names(); got != "100%25%FF a before moved new/dir/b" {
		t.Errorf("the manifest names %s", got)
	}
	m := h.manifest()
	if !m.Final || m.Pod != pod || m.Uploader != "test" {
		t.Errorf("got %+v", m)
	}
	h.nothingLeft()
}

func TestFileThatIsOpenIsNotStoredBeforeItsWriterClosesIt(t *testing.T) {
	h := newHarness(t, nil)
	h.ready()
	f, err := os.Create(filepath.Join(h.spool, "file"))
	h.must(err)
	_, err = f.WriteString("half")
	h.must(err)
	h.write("other", "whole")
	h.stored("other", "whole")
	time.Sleep(2 * h.options.WalkInterval) // Walks see it, too.
	if got := h.object("file"); got != "" {
		t.Errorf("it is stored: %q", got)
	}
	_, err = f.WriteString(" and half")
	h.must(err)
	h.must(f.Close())
	h.stored("file", "half and half")
	h.must(h.end())
}

func TestWhatIsNotUploaded(t *testing.T) {
	h := newHarness(t, func(c *uploader.Config) {
		c.Include, c.Exclude = []string{"*.dump", ".hidden.dump"}, []string{"no/**"}
	})
	h.write("a.dump", "yes")
	h.write("a.log", "no")
	h.write("no/b.dump", "no")
	h.write(".lighterman/c.dump", "no")
	h.write(".hidden.dump", "in the end")
	h.must(os.Symlink("/etc/passwd", filepath.Join(h.spool, "link.dump")))
	h.ready()
	h.stored("a.dump", "yes")
	if got := h.object(".hidden.dump"); got != "" {
		t.Errorf("a temporary name is stored: %q", got)
	}
	h.must(h.end())
	if got := h.names(); got != ".hidden.dump a.dump" {
		t.Errorf("the manifest names %s", got)
	}
	if m := h.manifest(); len(m.Skipped) != 1 || m.Skipped[0].Path != "link.dump" {
		t.Errorf("skipped: %+v", m.Skipped)
	}
}

func TestEmptyFiles(t *testing.T) {
	h := newHarness(t, nil)
	h.ready()
	h.write("made-by-mktemp", "")
	h.write("other", "x")
	h.stored("other", "x")
	if _, err := h.store.Stat(t.Context(), "payments/pg/made-by-mktemp"); objstore.ClassOf(err) != objstore.NotFound {
		t.Errorf("an empty file is stored at once: %v", err)
	}
	h.write("made-by-mktemp", "filled later")
	h.stored("made-by-mktemp", "filled later")
	h.write("stays-empty", "")
	h.must(h.end())
	if got := h.names(); got != "made-by-mktemp other stays-empty" {
		t.Errorf("the manifest names %s", got)
	}
}

func TestManyFiles(t *testing.T) {
	h := newHarness(t, nil)
	h.ready()
	for i := range 500 {
		h.write(fmt.Sprintf("%03d", i), strings.Repeat("x", i))
	}
	h.must(h.end())
	if m := h.manifest(); len(m.Files) != 500 {
		t.Errorf("%d files are in the manifest", len(m.Files))
	}
}

func TestLargeFileIsStreamed(t *testing.T) {
	h := newHarness(t, func(c *uploader.Config) { c.Upload = uploader.Stream })
	h.ready()
	f, err := os.Create(filepath.Join(h.spool, "dump"))
	h.must(err)
	chunk := strings.Repeat("0123456789abcdef", 1<<16) // One part.
	for range 5 {
		_, err := f.WriteString(chunk)
		h.must(err)
	}
	h.eventually("parts are on their way", func() bool {
		return h.unfinished("payments/pg/dump")
	})
	_, err = f.WriteAt([]byte("table of contents"), 0)
	h.must(err)
	h.must(f.Close())
	h.stored("dump", "table of contents"+(chunk + chunk + chunk + chunk + chunk)[17:])
	h.must(h.end())
	h.nothingLeft()
}

func TestFileThatChangesAfterItWasStored(t *testing.T) {
	t.Run("is an error where objects are not replaced", func(t *testing.T) {
		h := newHarness(t, nil)
		h.ready()
		h.write("file", "one")
		h.stored("file", "one")
		h.write("file", "another")
		err := h.end()
		const want = "1 of 2 files not stored: file: another object has the key"
		if err == nil || objstore.ClassOf(err) != objstore.Exists || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v", err)
		}
		if got := h.object("file"); got != "one" {
			t.Errorf("the object is %q", got)
		}
		if m := h.manifest(); m != nil && m.Final {
			t.Error("the manifest is final")
		}
	})
	t.Run("is stored again where they are", func(t *testing.T) {
		h := newHarness(t, func(c *uploader.Config) { c.Overwrite = true })
		h.ready()
		h.write("file", "one")
		h.stored("file", "one")
		h.write("file", "another")
		h.stored("file", "another")
		h.must(h.end())
		if got := h.names(); got != "file" {
			t.Errorf("the manifest names %s", got)
		}
	})
}

// A file that cannot be deleted is logged once, and tried again.
func TestDeleteThatIsRefused(t *testing.T) {
	h := newHarness(t, func(c *uploader.Config) { c.AfterUpload = uploader.Delete })
	opened := make(chan struct{})
	h.fault.set(func(call, key string) error {
		if call == "Put" && key == manifestKey {
			<-opened
		}
		return nil
	})
	h.ready()
	h.write("file", "one")
	h.eventually("it is stored", func() bool { return strings.Contains(h.logs.text(), `msg=stored path=file`) })
	writer, err := os.OpenFile(filepath.Join(h.spool, "file"), os.O_WRONLY, 0)
	h.must(err)
	close(opened)
	logged := func() int { return strings.Count(h.logs.text(), "delete uploaded file") }
	h.eventually("it is logged", func() bool { return logged() > 0 })
	for _, name := range []string{"first", "second", "third"} { // Each makes a walk.
		h.must(os.Mkdir(filepath.Join(h.spool, name), 0o755))
		h.must(os.Symlink("nowhere", filepath.Join(h.spool, name, "link")))
		h.eventually("a walk", func() bool { return strings.Contains(h.logs.text(), name+"/link") })
	}
	if n := logged(); n != 1 {
		t.Errorf("it was logged %d times", n)
	}
	h.must(writer.Close())
	h.eventually("it is deleted", func() bool {
		_, err := os.Stat(filepath.Join(h.spool, "file"))
		return os.IsNotExist(err)
	})
	h.must(h.end())
}

func TestDelete(t *testing.T) {
	h := newHarness(t, func(c *uploader.Config) { c.AfterUpload = uploader.Delete })
	h.ready()
	h.write("sub/file", "one")
	h.eventually("it is deleted", func() bool {
		_, err := os.Stat(filepath.Join(h.spool, "sub/file"))
		return os.IsNotExist(err)
	})
	if got := h.names(); got != "sub/file" {
		t.Errorf("it was deleted, and the manifest names %s", got)
	}
	// What a journal that is lost knew is in the manifest.
	h.kill()
	_ = h.ended() // It was killed.
	h.must(os.Remove(filepath.Join(h.options.Config.Directory, "journal")))
	h.ready()
	h.write("second", "two")
	h.stored("second", "two")
	h.must(h.end())
	if got := h.names(); got != "second sub/file" {
		t.Errorf("the manifest names %s", got)
	}
}

func TestManifestIsRenewedInAPodThatRunsOn(t *testing.T) {
	h := newHarness(t, nil)
	h.ready()
	h.write("a", "one")
	h.eventually("there is a manifest", func() bool { return h.names() == "a" })
	if h.manifest().Final {
		t.Error("the manifest is final while the pod runs")
	}
	h.write("b", "two")
	h.must(h.end())
	if m := h.manifest(); !m.Final || h.names() != "a b" {
		t.Errorf("got %+v", m)
	}
}

func TestRestart(t *testing.T) {
	h := newHarness(t, nil)
	h.ready()
	h.write("a", "one")
	h.stored("a", "one")
	h.kill()
	_ = h.ended() // It was killed.
	h.write("b", "written in between")
	left, err := h.store.Begin(t.Context(), &objstore.Object{Key: "payments/pg/orphan"})
	h.must(err)
	other, err := h.store.Begin(t.Context(), &objstore.Object{Key: "payments/another-pod/file"})
	h.must(err)
	h.ready()
	h.stored("b", "written in between")
	h.must(h.end())
	if got := h.names(); got != "a b" {
		t.Errorf("the manifest names %s", got)
	}
	if h.unfinished("payments/pg/orphan") {
		t.Errorf("what an earlier life has left is not aborted: %s", left)
	}
	if !h.unfinished("payments/another-pod/file") {
		t.Errorf("the upload of another pod was aborted: %s", other)
	}
}

func TestStaleJournalOfAnotherPod(t *testing.T) {
	h := newHarness(t, nil)
	h.ready()
	h.write("a", "one")
	h.stored("a", "one")
	h.kill()
	_ = h.ended() // It was killed.
	// The volume goes to another pod, with the journal.
	h.options.Pod.Name, h.options.Pod.UID = "pg-2", "7a2d"
	h.ready()
	h.must(h.end())
	r, err := h.store.Open(t.Context(), "payments/pg-2/a", "")
	h.must(err)
	h.must(r.Close())
}

// A container that cannot be started has made no backup: an empty manifest would mean that it wrote nothing.
func TestWrappedCommandThatNeverRan(t *testing.T) {
	h := newHarness(t, func(c *uploader.Config) { c.Completion = uploader.Wrap })
	h.ready()
	h.must(h.end())
	if m := h.manifest(); m != nil {
		t.Errorf("there is a manifest of %d files", len(m.Files))
	}
}

// TestNameThatBecomesALink has a file take its place in the end that is none: the others are stored and the run is whole, with the link
// on the manifest's list of what was left out.
func TestNameThatBecomesALink(t *testing.T) {
	h := newHarness(t, nil)
	h.fault.set(func(call, key string) error {
		if call == "Put" && strings.HasSuffix(key, "/latest") {
			return storeError(objstore.Invalid)
		}
		return nil
	})
	h.ready()
	h.write("dump", "whole")
	h.write("latest", "x")
	h.eventually("the file waits for its next try", func() bool { return strings.Contains(h.logs.text(), `msg="not stored" path=latest`) })
	h.must(os.Remove(filepath.Join(h.spool, "latest")))
	h.must(os.Symlink("dump", filepath.Join(h.spool, "latest")))
	h.must(h.end())
	if got := h.names(); got != "dump" {
		t.Errorf("the manifest names %s", got)
	}
	if m := h.manifest(); len(m.Skipped) != 1 || m.Skipped[0].Path != "latest" {
		t.Errorf("skipped: %+v", m.Skipped)
	}
}

// TestLinkThatBecomesAFile is the other way round: what is stored is not on the list of what was left out.
func TestLinkThatBecomesAFile(t *testing.T) {
	h := newHarness(t, nil)
	h.must(os.Symlink("nowhere", filepath.Join(h.spool, "dump")))
	h.ready()
	h.must(os.Remove(filepath.Join(h.spool, "dump")))
	h.write("dump", "whole")
	h.stored("dump", "whole")
	h.must(h.end())
	if m := h.manifest(); len(m.Skipped) != 0 {
		t.Errorf("skipped: %+v", m.Skipped)
	}
}
