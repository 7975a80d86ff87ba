package transfer_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/spool"
)

// sizesOfFiles are those of a file that is sent in one request, and of one in parts.
var sizesOfFiles = map[string]int{"small": 1000, "in parts": 4*partSize + 5}

// sentBytes returns how many requests with content were made.
func (h *harness) sentBytes() int { return h.calls.count["Put"] + h.calls.count["PutPart"] }

// What changes the state of a file, and not its content, sends nothing.
func TestContentThatIsStoredIsNotSentAgain(t *testing.T) {
	for name, change := range map[string]func(h *harness, path string) error{
		"chmod":     func(_ *harness, path string) error { return os.Chmod(path, 0o640) },
		"touch":     func(_ *harness, path string) error { return os.Chtimes(path, time.Time{}, time.Now()) },
		"hard link": func(h *harness, path string) error { return os.Link(path, filepath.Join(h.dir, "link")) },
		"written anew": func(h *harness, path string) error {
			data := h.read()
			return os.WriteFile(path, data, 0o600)
		},
		"restored by the manifest": func(h *harness, _ string) error {
			e, _ := h.sender.Journal.Entry("file")
			e.State = spool.State{}
			h.sender.Journal.AddEntry(e)
			return nil
		},
	} {
		for kind, size := range sizesOfFiles {
			t.Run(name+"/"+kind, func(t *testing.T) {
				both(t, func(_ *testing.T, h *harness) {
					data := random(size)
					h.write("file", data)
					_, err := h.send("file")
					h.must(err)
					before := h.sentBytes()
					h.must(change(h, filepath.Join(h.dir, "file")))
					e, err := h.send("file")
					h.must(err)
					h.whole(e, "file", data)
					if again := h.sentBytes() - before; again > 0 {
						h.Errorf("%d requests with content were made", again)
					}
					if state, err := h.spool.Stat("file"); err != nil || e.State != state {
						h.Errorf("the entry has %+v, and the file %+v: %v", e.State, state, err)
					}
					h.must(os.Chmod(filepath.Join(h.dir, "file"), 0o600))
					h.must(h.stage())
					if again := h.sentBytes() - before; again > 0 {
						h.Errorf("Stage makes %d requests with content", again)
					}
				})
			})
		}
	}
}

// A file that changes back to what is stored has no use for the upload that it had begun.
func TestContentThatChangesBack(t *testing.T) {
	both(t, func(_ *testing.T, h *harness) {
		data := random(4 * partSize)
		h.write("file", data)
		_, err := h.send("file")
		h.must(err)
		h.object.Overwrite = true
		h.change(0, []byte("another"))
		h.must(h.stage())
		h.change(0, data[:7])
		e, err := h.send("file")
		h.must(err)
		h.whole(e, "file", data)
	})
}

// A file whose content has changed, or whose object is gone, is sent.
func TestContentThatIsNotStoredIsSent(t *testing.T) {
	for name, change := range map[string]func(h *harness) error{
		"one byte is another": func(h *harness) error { h.change(3, []byte{1}); return nil },
		"its object is gone":  func(h *harness) error { return h.store.Delete(h.Context(), "key/file", "") },
		"its object is another": func(h *harness) error {
			_, err := h.store.Put(h.Context(), &objstore.Object{Key: "key/file", Overwrite: true}, objstore.Body{})
			return err
		},
	} {
		for kind, size := range sizesOfFiles {
			t.Run(name+"/"+kind, func(t *testing.T) {
				both(t, func(_ *testing.T, h *harness) {
					h.object.Overwrite = true
					h.write("file", random(size))
					_, err := h.send("file")
					h.must(err)
					h.must(change(h))
					h.must(os.Chmod(filepath.Join(h.dir, "file"), 0o640))
					e, err := h.send("file")
					h.must(err)
					h.whole(e, "file", h.read())
				})
			})
		}
	}
}

// Where pods share keys, the key is looked at before content is sent to it.
func TestFileThatAnotherPodHasStored(t *testing.T) {
	for kind, size := range sizesOfFiles {
		t.Run(kind, func(t *testing.T) {
			both(t, func(_ *testing.T, h *harness) {
				data := random(size)
				h.write("file", data)
				_, err := h.send("file")
				h.must(err)
				h.state = t.TempDir() // Another pod on the same volume.
				h.restart()
				h.sender.SharedKeys = true
				before := h.sentBytes()
				e, err := h.send("file")
				h.must(err)
				h.whole(e, "file", data)
				if again := h.sentBytes() - before; again > 0 {
					h.Errorf("%d requests with content were made", again)
				}
				h.write("other", data)
				_, err = h.send("other")
				h.must(err)
				if h.sentBytes() == before {
					h.Error("a file without an object was not sent")
				}
			})
		})
	}
}
