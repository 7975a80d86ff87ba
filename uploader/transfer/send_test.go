package transfer_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"testing"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transfer"
)

func hexSHA(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// both runs a test with a store that takes parts in any order, and with one that takes them one by one.
func both(t *testing.T, test func(t *testing.T, h *harness)) {
	t.Helper()
	for name, limits := range map[string]*objstore.Limits{"any order": anyOrder, "one by one": oneByOne} {
		t.Run(name, func(t *testing.T) { test(t, newHarness(t, limits)) })
	}
}

func TestSendFilesOfAllSizes(t *testing.T) {
	both(t, func(_ *testing.T, h *harness) {
		for _, size := range []int{0, 1, partSize - 1, partSize, partSize + 1, 3*partSize + 7, 20 * partSize} {
			name := fmt.Sprintf("file-%d", size)
			data := random(size)
			h.write(name, data)
			e, err := h.send(name)
			h.must(err)
			h.whole(e, name, data)
			if h.sent != int64(size) {
				h.Errorf("progress of %d of %d bytes was reported", h.sent, size)
			}
			h.sent = 0
		}
	})
}

func TestAnswersThatAreLost(t *testing.T) {
	for _, call := range []string{"Put", "PutPart", "Complete", "Stat"} {
		t.Run(call, func(t *testing.T) {
			both(t, func(_ *testing.T, h *harness) {
				size := 4*partSize + 5
				if call == "Put" {
					size = 1000
				}
				data := random(size)
				h.write("file", data)
				h.calls.after = once(call, 1, fail(objstore.Transient))
				e, err := h.send("file")
				h.must(err)
				h.whole(e, "file", data)
			})
		})
	}
}

func TestErrorsThatHeal(t *testing.T) {
	for _, class := range []objstore.Class{
		objstore.Transient, objstore.Throttled, objstore.Expired, objstore.Denied, objstore.Unauthenticated,
		objstore.ClockSkew, objstore.Unknown, objstore.Corrupt, objstore.NoUpload,
	} {
		for _, call := range []string{"Begin", "PutPart", "Complete"} {
			t.Run(string(class)+" "+call, func(t *testing.T) {
				h := newHarness(t, anyOrder)
				if call == "Begin" && (class == objstore.Corrupt || class == objstore.NoUpload) {
					return // No store returns it.
				}
				data := random(5 * partSize)
				h.write("file", data)
				h.calls.before = once(call, 1, fail(class))
				e, err := h.send("file")
				h.must(err)
				for u, err := range h.store.Unfinished(t.Context(), "") {
					h.must(err)
					h.must(h.store.Abort(t.Context(), &objstore.Object{}, u.ID)) // The store said that it does not know it.
				}
				h.whole(e, "file", data)
			})
		}
	}
}

func TestErrorsThatDoNotHeal(t *testing.T) {
	for _, class := range []objstore.Class{objstore.Invalid, objstore.NoBucket, objstore.Untrusted, objstore.Corrupt} {
		t.Run(string(class), func(t *testing.T) {
			h := newHarness(t, anyOrder)
			h.write("small", random(10))
			h.write("large", random(3*partSize))
			h.calls.before = func(string, int) error { return fail(class)() }
			for _, name := range []string{"small", "large"} {
				if _, err := h.send(name); objstore.ClassOf(err) != class {
					t.Errorf("%s: got %v", name, err)
				}
				h.absent(name)
			}
			if n := h.calls.count["Put"]; (class == objstore.Corrupt) != (n > 1) || n > 3 {
				t.Errorf("the request was made %d times", n)
			}
		})
	}
}

func TestUploadThatIsUnfitEachTime(t *testing.T) {
	both(t, func(_ *testing.T, h *harness) {
		h.write("file", random(3*partSize))
		h.calls.before = func(call string, _ int) error {
			if call == "Complete" {
				return fail(objstore.Corrupt)()
			}
			return nil
		}
		if _, err := h.send("file"); objstore.ClassOf(err) != objstore.Corrupt {
			h.Errorf("got %v", err)
		}
		if n := h.calls.count["Complete"]; n != 3 {
			h.Errorf("it was tried %d times", n)
		}
		h.absent("file")
		h.nothingLeft()
	})
}

func TestKeyThatIsTaken(t *testing.T) {
	for _, size := range []int{1000, 4 * partSize} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			both(t, func(_ *testing.T, h *harness) {
				other, data := random(size + 1)[1:], random(size)
				_, err := h.store.Put(h.Context(), &objstore.Object{Key: "key/file"},
					objstore.Body{ReaderAt: bytes.NewReader(other), Size: int64(size)})
				h.must(err)
				h.write("file", data)
				if _, err := h.send("file"); !errors.Is(err, transfer.ErrConflict) || objstore.ClassOf(err) != objstore.Exists {
					h.Errorf("another object: got %v", err)
				}
				h.nothingLeft()
				h.write("file", other)
				e, err := h.send("file")
				h.must(err)
				h.whole(e, "file", other)

				h.object.Overwrite = true
				h.write("file", data)
				e, err = h.send("file")
				h.must(err)
				h.whole(e, "file", data)
			})
		})
	}
}

func TestSendGoesOnAfterARestart(t *testing.T) {
	both(t, func(_ *testing.T, h *harness) {
		data := random(10 * partSize)
		h.write("file", data)
		h.calls.before = func(call string, n int) error {
			if call == "PutPart" && n > 6 {
				return fail(objstore.Invalid)()
			}
			return nil
		}
		if _, err := h.send("file"); err == nil {
			h.Fatal("it was sent")
		}
		h.absent("file")
		u, ok := h.sender.Journal.Upload("file")
		if !ok || len(u.Parts) == 0 {
			h.Fatalf("the journal has %+v", u)
		}
		h.restart()
		h.calls.before = nil
		before := h.calls.count["PutPart"]
		e, err := h.send("file")
		h.must(err)
		h.whole(e, "file", data)
		if again := h.calls.count["PutPart"] - before; again != 10-len(u.Parts) {
			h.Errorf("%d parts were there, and %d were sent", len(u.Parts), again)
		}
		if h.sent != int64(len(data)) {
			h.Errorf("progress of %d of %d bytes was reported", h.sent, len(data))
		}
	})
}

func TestPartsThatChangedDuringARestartAreSentAgain(t *testing.T) {
	h := newHarness(t, anyOrder)
	data := random(8 * partSize)
	h.write("file", data)
	h.calls.before = once("Complete", 1, fail(objstore.Invalid))
	if _, err := h.send("file"); err == nil {
		t.Fatal("it was sent")
	}
	h.restart()
	copy(data[3*partSize:], "another")
	h.change(3*partSize, []byte("another"))
	before := h.calls.count["PutPart"]
	e, err := h.send("file")
	h.must(err)
	h.whole(e, "file", data)
	if again := h.calls.count["PutPart"] - before; again != 1 {
		t.Errorf("%d parts were sent again", again)
	}
}

func TestPartSizeGrowsWithTheFile(t *testing.T) {
	h := newHarness(t, &objstore.Limits{
		MinPart: 1000, MaxPart: 1 << 30, MaxParts: 4, MaxPut: 1 << 30, Algorithm: objstore.CRC64NVME, Align: 4096,
	})
	data := random(10*partSize + 3)
	h.write("file", data)
	e, err := h.send("file")
	h.must(err)
	h.whole(e, "file", data)
	if n := h.calls.count["PutPart"]; n != 4 {
		t.Errorf("%d parts were sent", n)
	}
}

func TestStoreThatKeepsNothingOfTheWhole(t *testing.T) {
	h := newHarness(t, anyOrder)
	data := slices.Repeat([]byte("0123456789abcdef"), partSize/4)
	h.write("file", data)
	h.calls.Store = noSums{h.store}
	h.calls.after = once("Complete", 1, fail(objstore.Transient))
	e, err := h.send("file")
	h.must(err)
	if e.SHA256 != hexSHA(data) {
		t.Errorf("got %+v", e)
	}
}
