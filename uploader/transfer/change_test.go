package transfer_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"lighterman.dev/lighterman/uploader/spool"
	"lighterman.dev/lighterman/uploader/transfer"
)

// The file changes when the third part is on its way: what becomes visible is the file as it is in the end.
func TestFileThatChangesWhileItIsSent(t *testing.T) {
	size := 6*partSize + 100
	for name, change := range map[string]func(*harness){
		"rewritten in a part that was sent": func(h *harness) { h.change(10, []byte("another beginning")) },
		"rewritten in a part that was not":  func(h *harness) { h.change(int64(size-50), []byte("another end")) },
		"grows":                             func(h *harness) { h.change(int64(size), random(2*partSize)) },
		"grows a little":                    func(h *harness) { h.change(int64(size), []byte("x")) },
		"truncated":                         func(h *harness) { h.truncate(2*partSize + 5) },
		"truncated to one part":             func(h *harness) { h.truncate(10) },
		"truncated to nothing":              func(h *harness) { h.truncate(0) },
		"touched":                           func(h *harness) { h.must(os.Chmod(filepath.Join(h.dir, "file"), 0o640)) },
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(_ *testing.T, h *harness) {
				h.write("file", random(size))
				h.calls.before = once("PutPart", 3, func() error { change(h); return nil })
				e, err := h.send("file")
				h.must(err)
				h.whole(e, "file", h.read())
			})
		})
	}
}

func TestSmallFileThatChangesWhileItIsSent(t *testing.T) {
	h := newHarness(t, anyOrder)
	h.write("file", random(1000))
	h.calls.before = once("Put", 1, func() error { h.change(3, []byte("another")); return nil })
	e, err := h.send("file")
	h.must(err)
	h.whole(e, "file", h.read())
}

func TestFileThatNeverRests(t *testing.T) {
	h := newHarness(t, anyOrder)
	h.write("file", random(3*partSize))
	h.calls.before = func(call string, n int) error {
		if call == "PutPart" {
			h.change(0, []byte{byte(n), byte(n)})
		}
		return nil
	}
	if e, err := h.send("file"); err == nil {
		t.Errorf("got %+v", e)
	}
	h.absent("file")
}

func TestFileThatIsDeletedWhileItIsSent(t *testing.T) {
	both(t, func(_ *testing.T, h *harness) {
		data := random(5 * partSize)
		h.write("file", data)
		h.calls.before = once("PutPart", 2, func() error { return os.Remove(filepath.Join(h.dir, "file")) })
		e, err := h.send("file")
		h.must(err)
		h.whole(e, "file", data)
	})
}

func TestFileWhosePlaceIsTaken(t *testing.T) {
	for name, change := range map[string]func(h *harness, path string) error{
		"renamed": func(_ *harness, path string) error { return os.Rename(path, path+".new") },
		"replaced": func(h *harness, path string) error {
			h.write("other", random(10))
			return os.Rename(filepath.Join(h.dir, "other"), path)
		},
		"a link": func(_ *harness, path string) error {
			return errors.Join(os.Rename(path, path+".new"), os.Symlink("file.new", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, anyOrder)
			h.write("file", random(5*partSize))
			h.calls.before = once("PutPart", 2, func() error { return change(h, filepath.Join(h.dir, "file")) })
			if _, err := h.send("file"); !errors.Is(err, spool.ErrReplaced) {
				t.Errorf("got %v", err)
			}
			h.absent("file")
			h.nothingLeft()
		})
	}
}

func TestFileThatIsOpenForWriting(t *testing.T) {
	h := newHarness(t, anyOrder)
	h.write("file", random(5*partSize))
	w, err := os.OpenFile(filepath.Join(h.dir, "file"), os.O_WRONLY, 0)
	h.must(err)
	if _, err := h.send("file"); !errors.Is(err, transfer.ErrOpenForWriting) {
		t.Errorf("got %v", err)
	}
	h.absent("file")
	h.must(w.Close())
	parts := h.calls.count["PutPart"]
	e, err := h.send("file")
	h.must(err)
	h.whole(e, "file", h.read())
	if again := h.calls.count["PutPart"] - parts; again > 0 {
		t.Errorf("%d parts were sent again", again)
	}
}
