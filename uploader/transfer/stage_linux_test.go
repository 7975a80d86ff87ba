package transfer_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/spool"
)

func (h *harness) stage() error {
	h.Helper()
	f, err := h.spool.Open("file")
	h.must(err)
	defer f.Close()
	return h.sender.Stage(h.Context(), f, "key/file", nil)
}

// mustStage stages the file, and checks that the journal says so and that nothing is visible.
func (h *harness) mustStage() {
	h.Helper()
	h.must(h.stage())
	if u, ok := h.sender.Journal.Upload("file"); !ok || u.Staged == nil {
		h.Fatalf("the journal has %+v", u)
	}
	h.absent("file")
}

// sendUnread sends the file through a descriptor that cannot be read.
func (h *harness) sendUnread() (journal.Entry, error) {
	h.Helper()
	fd, err := unix.Open(filepath.Join(h.dir, "file"), unix.O_PATH|unix.O_CLOEXEC, 0)
	h.must(err)
	f := &spool.File{File: os.NewFile(uintptr(fd), "file"), Path: "file"}
	defer f.Close()
	return h.sender.Send(h.Context(), f, "key/file", nil)
}

func TestStagedFileIsPublishedWithoutReadingIt(t *testing.T) {
	both(t, func(_ *testing.T, h *harness) {
		data := random(7*partSize + 5)
		h.write("file", data)
		h.mustStage()
		h.mustStage()
		if n := h.calls.count["PutPart"]; n != 8 {
			h.Errorf("%d parts were sent", n)
		}
		e, err := h.sendUnread()
		h.must(err)
		h.whole(e, "file", data)
		if n := h.calls.count["PutPart"]; n != 8 {
			h.Errorf("%d parts were sent", n)
		}
	})
}

func TestStagedFileIsPublishedAfterARestart(t *testing.T) {
	both(t, func(_ *testing.T, h *harness) {
		data := random(7*partSize + 5)
		h.write("file", data)
		h.mustStage()
		h.restart()
		h.restart() // The journal was compacted.
		e, err := h.sendUnread()
		h.must(err)
		h.whole(e, "file", data)
	})
}

func TestStagedFileThatChangesIsSentAsItIs(t *testing.T) {
	for name, test := range map[string]struct {
		change func(h *harness)
		again  int
	}{
		"a part":            {func(h *harness) { h.change(2*partSize, []byte("another")) }, 1},
		"it grows":          {func(h *harness) { h.change(8*partSize+5, random(partSize)) }, 3},
		"it becomes small":  {func(h *harness) { h.truncate(5) }, 1},
		"its mode alone":    {func(h *harness) { h.must(os.Chmod(filepath.Join(h.dir, "file"), 0o640)) }, 0},
		"it becomes empty":  {func(h *harness) { h.truncate(0) }, 0},
		"its last byte":     {func(h *harness) { h.change(7*partSize+4, []byte{0}) }, 1},
		"it loses its last": {func(h *harness) { h.truncate(7 * partSize) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(_ *testing.T, h *harness) {
				h.write("file", random(7*partSize+5))
				h.mustStage()
				test.change(h)
				before := h.calls.count["PutPart"]
				e, err := h.send("file")
				h.must(err)
				h.whole(e, "file", h.read())
				if again := h.calls.count["PutPart"] - before; again != test.again && !h.store.Limits().Sequential {
					h.Errorf("%d parts were sent again, and not %d", again, test.again)
				}
			})
		})
	}
}

func TestStagedFileThatIsStagedAgain(t *testing.T) {
	both(t, func(_ *testing.T, h *harness) {
		h.write("file", random(7*partSize+5))
		h.mustStage()
		h.change(partSize, []byte("another"))
		h.mustStage()
		e, err := h.sendUnread()
		h.must(err)
		h.whole(e, "file", h.read())
	})
}

func TestStagedUploadThatTheStoreHasLost(t *testing.T) {
	both(t, func(_ *testing.T, h *harness) {
		data := random(7*partSize + 5)
		h.write("file", data)
		h.mustStage()
		u, _ := h.sender.Journal.Upload("file")
		h.must(h.store.Abort(h.Context(), &objstore.Object{Key: u.Key}, u.ID))
		e, err := h.send("file")
		h.must(err)
		h.whole(e, "file", data)
	})
}

func TestStagedFileWhoseKeyIsTaken(t *testing.T) {
	both(t, func(_ *testing.T, h *harness) {
		data := random(4 * partSize)
		h.write("file", data)
		h.mustStage()
		h.write("other", random(10))
		f, err := h.spool.Open("other")
		h.must(err)
		defer f.Close()
		_, err = h.sender.Send(h.Context(), f, "key/file", nil)
		h.must(err)
		if _, err := h.sendUnread(); objstore.ClassOf(err) != objstore.Exists {
			h.Errorf("got %v", err)
		}
		h.nothingLeft()
	})
}

func TestSmallFileIsNotStaged(t *testing.T) {
	h := newHarness(t, anyOrder)
	h.write("file", random(partSize))
	h.must(h.stage())
	h.nothingLeft()
	for size, parts := range map[int64]bool{0: false, partSize: false, partSize + 1: true} {
		if h.sender.NeedsParts(size) != parts {
			t.Errorf("%d bytes: parts are needed: %v", size, !parts)
		}
	}
}

func TestRemovedFileIsNotStaged(t *testing.T) {
	h := newHarness(t, anyOrder)
	h.write("file", random(4*partSize))
	h.calls.before = once("PutPart", 3, func() error { return os.Remove(filepath.Join(h.dir, "file")) })
	if err := h.stage(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	h.nothingLeft()
}

func TestGrowingFileIsStaged(t *testing.T) {
	both(t, func(_ *testing.T, h *harness) {
		g := followWith(h, func(f *spool.File, closed chan struct{}) (journal.Entry, error) {
			return journal.Entry{}, h.sender.Stage(h.Context(), f, "key/file", closed)
		})
		g.append(4)
		_, err := g.writer.WriteString("the last bytes")
		h.must(err)
		h.must(g.close())
		h.absent("file")
		e, err := h.sendUnread()
		h.must(err)
		h.whole(e, "file", h.read())
	})
}

func TestStagedFileThatGrowsAgainIsFollowed(t *testing.T) {
	h := newHarness(t, anyOrder)
	h.write("file", random(4*partSize))
	h.mustStage()
	var err error
	closed := make(chan struct{})
	g := &grow{harness: h, closed: closed, result: make(chan error, 1)}
	g.writer, err = os.OpenFile(filepath.Join(h.dir, "file"), os.O_WRONLY|os.O_APPEND, 0)
	h.must(err)
	f, err := h.spool.Open("file")
	h.must(err)
	go func() {
		defer f.Close()
		g.result <- h.sender.Stage(h.Context(), f, "key/file", closed)
	}()
	g.append(3)
	h.must(g.close())
	if n := h.calls.count["PutPart"]; n != 7 {
		t.Errorf("%d parts were sent", n)
	}
	e, err := h.sendUnread()
	h.must(err)
	h.whole(e, "file", h.read())
}
