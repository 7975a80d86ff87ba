package transfer_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transfer"
)

// occupy stores another object at the key of the file.
func (h *harness) occupy(data []byte) {
	h.Helper()
	body := objstore.Body{ReaderAt: bytes.NewReader(data), Size: int64(len(data))}
	_, err := h.store.Put(h.Context(), &objstore.Object{Key: "key/file"}, body)
	h.must(err)
}

// sends is how often content was sent.
func (h *harness) sends() int { return h.calls.count["Put"] + h.calls.count["PutPart"] }

// TestConflictIsFoundAgain sends a file whose key was refused before: the store is asked, and no content is sent. Once
// the object is gone, the file is stored.
func TestConflictIsFoundAgain(t *testing.T) {
	for _, size := range []int{1000, 4 * partSize} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			both(t, func(_ *testing.T, h *harness) {
				data := random(size)
				h.occupy(random(size + 1)[1:])
				h.write("file", data)
				if _, err := h.send("file"); !errors.Is(err, transfer.ErrConflict) {
					h.Fatalf("the first time: got %v", err)
				}
				sent := h.sends()
				for range 3 {
					if _, err := h.send("file"); !errors.Is(err, transfer.ErrConflict) || objstore.ClassOf(err) != objstore.Exists {
						h.Errorf("again: got %v", err)
					}
				}
				if again := h.sends() - sent; again > 0 {
					h.Errorf("content was sent %d times again", again)
				}
				h.must(h.store.Delete(h.Context(), "key/file", ""))
				e, err := h.send("file")
				h.must(err)
				h.whole(e, "file", data)
			})
		})
	}
}

// TestBrokenWriteToTakenKey breaks each write before the store answers, as a store does that refuses it early.
func TestBrokenWriteToTakenKey(t *testing.T) {
	both(t, func(_ *testing.T, h *harness) {
		h.occupy(random(1001)[1:])
		h.write("file", random(1000))
		h.calls.before = func(call string, _ int) error {
			if call == "Put" {
				return fail(objstore.Transient)()
			}
			return nil
		}
		if _, err := h.send("file"); !errors.Is(err, transfer.ErrConflict) || objstore.ClassOf(err) != objstore.Exists {
			h.Errorf("got %v", err)
		}
		if n := h.calls.count["Put"]; n != 1 {
			h.Errorf("the file was sent %d times", n)
		}
	})
}

// TestBrokenWriteThatArrived loses the answer to a write that the store has done.
func TestBrokenWriteThatArrived(t *testing.T) {
	both(t, func(_ *testing.T, h *harness) {
		data := random(1000)
		h.write("file", data)
		h.calls.after = once("Put", 1, fail(objstore.Transient))
		e, err := h.send("file")
		h.must(err)
		h.whole(e, "file", data)
		if n := h.calls.count["Put"]; n != 1 {
			h.Errorf("the file was sent %d times", n)
		}
	})
}

// TestBrokenWriteWithoutLook sends again where the key is free, cannot be looked at, or may be replaced.
func TestBrokenWriteWithoutLook(t *testing.T) {
	for name, prepare := range map[string]func(h *harness) (looks int){
		"the key is free": func(*harness) int { return 1 },
		"the key cannot be looked at": func(h *harness) int {
			h.calls.before = once("Stat", 1, fail(objstore.Denied))
			return 1
		},
		"objects cannot be read":     func(h *harness) int { h.sender.WriteOnly = true; return 0 },
		"the object may be replaced": func(h *harness) int { h.object.Overwrite = true; return 0 },
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(_ *testing.T, h *harness) {
				data := random(1000)
				h.write("file", data)
				looks := prepare(h)
				before := h.calls.before
				h.calls.before = func(call string, n int) error {
					if err := once("Put", 1, fail(objstore.Transient))(call, n); err != nil || before == nil {
						return err
					}
					return before(call, n)
				}
				e, err := h.send("file")
				h.must(err)
				h.whole(e, "file", data)
				if h.calls.count["Put"] != 2 || h.calls.count["Stat"] != looks {
					h.Errorf("the store was asked %v", h.calls.count)
				}
			})
		})
	}
}
