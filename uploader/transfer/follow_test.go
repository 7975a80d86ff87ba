package transfer_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/spool"
	"lighterman.dev/lighterman/uploader/transfer"
)

// noSums is a store that keeps no checksum of an object.
type noSums struct{ objstore.Store }

func (s noSums) Stat(ctx context.Context, key string) (objstore.Stored, error) {
	stored, err := s.Store.Stat(ctx, key)
	stored.Sum = objstore.Sum{}
	return stored, err
}

func (s noSums) Complete(
	ctx context.Context, o *objstore.Object, id string, parts []objstore.Part,
) (objstore.Stored, error) {
	stored, err := s.Store.Complete(ctx, o, id, parts)
	stored.Sum = objstore.Sum{}
	return stored, err
}

// grow is a file that a writer holds open, and that is followed.
type grow struct {
	*harness

	writer *os.File
	closed chan struct{}
	entry  journal.Entry
	result chan error
}

func follow(h *harness) *grow {
	h.Helper()
	return followWith(h, func(f *spool.File, closed chan struct{}) (journal.Entry, error) {
		return h.sender.Send(h.Context(), f, "key/file", closed)
	})
}

// followWith follows the file with Send or Stage.
func followWith(h *harness, send func(f *spool.File, closed chan struct{}) (journal.Entry, error)) *grow {
	h.Helper()
	g := &grow{harness: h, closed: make(chan struct{}), result: make(chan error, 1)}
	var err error
	g.writer, err = os.Create(filepath.Join(h.dir, "file"))
	h.must(err)
	f, err := h.spool.Open("file")
	h.must(err)
	go func() {
		defer f.Close()
		var err error
		g.entry, err = send(f, g.closed)
		g.result <- err
	}()
	return g
}

// begin begins an upload that the sender did not begin.
func (h *harness) begin(key string) string {
	h.Helper()
	id, err := h.store.Begin(h.Context(), &objstore.Object{Key: key})
	h.must(err)
	return id
}

// waitFor waits until something is the case.
func (h *harness) waitFor(what string, is func() bool) {
	h.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			h.Fatal("waited for " + what)
		}
	}
}

// append writes parts, and waits until they were sent.
func (g *grow) append(parts int) {
	g.Helper()
	_, err := g.writer.Write(random(parts * partSize))
	g.must(err)
	info, err := g.writer.Stat()
	g.must(err)
	want := int(info.Size() / partSize)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if u, _ := g.sender.Journal.Upload("file"); len(u.Parts) >= want {
			return
		}
		if time.Now().After(deadline) {
			g.Fatalf("%d parts were not sent while the file grows", want)
		}
	}
}

// close closes the writer, and waits for the end.
func (g *grow) close() error {
	g.must(g.writer.Close())
	close(g.closed)
	return <-g.result
}

func TestPartsGoWhileTheFileGrows(t *testing.T) {
	both(t, func(_ *testing.T, h *harness) {
		g := follow(h)
		g.append(3)
		g.append(2)
		h.absent("file")
		before := h.calls.count["PutPart"]
		_, err := g.writer.WriteString("the last bytes")
		h.must(err)
		h.must(g.close())
		h.whole(g.entry, "file", h.read())
		if last := h.calls.count["PutPart"] - before; last != 1 {
			h.Errorf("%d parts were sent after the last byte", last)
		}
	})
}

func TestWriterThatChangesItsEarlierOutput(t *testing.T) {
	for name, test := range map[string]struct {
		change func(w *os.File) error
		again  int
	}{
		"the front, as pg_dump -Fc": {func(w *os.File) error {
			_, err := w.WriteAt([]byte("table of contents"), 0)
			return err
		}, 1},
		"across two parts": {func(w *os.File) error {
			_, err := w.WriteAt([]byte("across"), 2*partSize-3)
			return err
		}, 2},
		"cut off behind a part": {func(w *os.File) error { return w.Truncate(2 * partSize) }, 0},
		"cut off in a part":     {func(w *os.File) error { return w.Truncate(2*partSize + 1) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, anyOrder)
			g := follow(h)
			g.append(5)
			before := h.calls.count["PutPart"]
			h.must(test.change(g.writer))
			h.must(g.close())
			h.whole(g.entry, "file", h.read())
			if again := h.calls.count["PutPart"] - before; again != test.again {
				t.Errorf("%d parts were sent again, want %d", again, test.again)
			}
		})
	}
	t.Run("where parts come one by one", func(t *testing.T) {
		h := newHarness(t, oneByOne)
		g := follow(h)
		g.append(5)
		_, err := g.writer.WriteAt([]byte("table of contents"), 0)
		h.must(err)
		h.must(g.close())
		h.whole(g.entry, "file", h.read())
	})
}

func TestGrowingFileThatIsCutOffAndWrittenAnew(t *testing.T) {
	h := newHarness(t, anyOrder)
	g := follow(h)
	g.append(4)
	h.must(g.writer.Truncate(0))
	_, err := g.writer.Seek(0, 0)
	h.must(err)
	_, err = g.writer.Write(random(partSize * 2))
	h.must(err)
	time.Sleep(time.Second / 2) // So that it is noticed on the way, too.
	h.must(g.close())
	h.whole(g.entry, "file", h.read())
}

func TestSmallFileIsPutAlthoughItWasFollowed(t *testing.T) {
	h := newHarness(t, anyOrder)
	g := follow(h)
	_, err := g.writer.WriteString("small")
	h.must(err)
	h.must(g.close())
	h.whole(g.entry, "file", []byte("small"))
	if h.calls.count["Put"] != 1 || h.calls.count["Begin"] != 0 {
		t.Errorf("got %v", h.calls.count)
	}
}

// A fault while the file grows ends nothing: the stream goes on when it has passed.
func TestStreamContinuesAfterAFault(t *testing.T) {
	for _, class := range []objstore.Class{objstore.Invalid, objstore.NoBucket, objstore.NoUpload, objstore.Corrupt} {
		t.Run(string(class), func(t *testing.T) {
			both(t, func(_ *testing.T, h *harness) {
				var restarts, delays atomic.Int64
				h.sender.ReportRestart = func() { restarts.Add(1) }
				h.sender.ReportDelay = func(_ string, err error) {
					if err != nil {
						delays.Add(1)
					}
				}
				h.calls.before = func(call string, n int) error {
					if call == "PutPart" && n >= 3 && n < 6 {
						return fail(class)()
					}
					return nil
				}
				g := follow(h)
				g.append(5)
				before := h.calls.count["PutPart"]
				h.must(g.close())
				h.whole(g.entry, "file", h.read())
				if after := h.calls.count["PutPart"] - before; after > 0 {
					h.Errorf("%d parts were sent after the last byte", after)
				}
				if lost := class == objstore.NoUpload; (restarts.Load() > 0) != lost || (delays.Load() == 0) != lost {
					h.Errorf("%d restarts and %d delays were reported", restarts.Load(), delays.Load())
				}
			})
		})
	}
}

// An upload that the store has lost while the file grows is begun anew, with all that went before.
func TestStreamWhoseUploadIsGone(t *testing.T) {
	both(t, func(_ *testing.T, h *harness) {
		g := follow(h)
		g.append(3)
		u, _ := h.sender.Journal.Upload("file")
		h.must(h.store.Abort(h.Context(), &objstore.Object{Key: u.Key}, u.ID))
		g.append(2)
		before := h.calls.count["PutPart"]
		h.must(g.close())
		h.whole(g.entry, "file", h.read())
		if after := h.calls.count["PutPart"] - before; after > 0 {
			h.Errorf("%d parts were sent after the last byte", after)
		}
	})
}

// What failed while the file grew does not decide when its writer has closed it.
func TestOldErrorOfAStreamDoesNotDecide(t *testing.T) {
	both(t, func(_ *testing.T, h *harness) {
		var broken atomic.Bool
		h.calls.before = func(call string, _ int) error {
			if call == "PutPart" && broken.Load() {
				return fail(objstore.Invalid)()
			}
			return nil
		}
		g := follow(h)
		g.append(2)
		broken.Store(true)
		_, err := g.writer.Write(random(3 * partSize))
		h.must(err)
		time.Sleep(2 * time.Second)
		broken.Store(false)
		h.must(g.close())
		h.whole(g.entry, "file", h.read())
	})
}

// A file that grows beyond the parts that were planned for its file system is sent anew with larger ones.
func TestStreamThatNeedsLargerParts(t *testing.T) {
	for name, equal := range map[string]bool{"parts that grow": false, "equal parts": true} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, &objstore.Limits{
				MinPart: 1, MaxPart: 1 << 30, MaxParts: 12, MaxPut: 1 << 30, Algorithm: objstore.CRC64NVME, EqualParts: equal,
			})
			h.write("file", random(2*partSize))
			f, err := h.spool.Open("file")
			h.must(err)
			h.sender.Journal.BeginUpload(journal.Upload{ // As planned on a file system of 12 parts.
				Path: "file", Key: "key/file", ID: h.begin("key/file"), PartSize: partSize,
			})
			closed, result := make(chan struct{}), make(chan error, 1)
			go func() {
				defer f.Close()
				result <- h.sender.Stage(h.Context(), f, "key/file", closed)
			}()
			g := &grow{harness: h, closed: closed, result: result}
			g.writer, err = os.OpenFile(filepath.Join(h.dir, "file"), os.O_WRONLY|os.O_APPEND, 0)
			h.must(err)
			g.append(9)
			_, err = g.writer.Write(random(4 * partSize))
			h.must(err)
			h.waitFor("an upload of larger parts", func() bool {
				u, ok := h.sender.Journal.Upload("file")
				return ok && (u.PartSize > partSize || u.DoubleAfter > 0) && len(u.Parts) > 0
			})
			_, err = g.writer.Write(random(12*partSize + 1))
			h.must(err)
			h.must(g.close())
			e, err := h.send("file")
			h.must(err)
			h.whole(e, "file", h.read())
		})
	}
}

func TestPartsOfAGrowingFileGrow(t *testing.T) {
	h := newHarness(t, &objstore.Limits{
		MinPart: 1, MaxPart: 4 * partSize, MaxParts: 40, MaxPut: 1 << 30, Algorithm: objstore.CRC64NVME,
		MaxObject: 100 * partSize,
	})
	g := follow(h)
	_, err := g.writer.Write(random(45*partSize + 7))
	h.must(err)
	h.waitFor("20 parts", func() bool {
		u, _ := h.sender.Journal.Upload("file")
		return len(u.Parts) >= 20
	})
	_, err = g.writer.WriteAt([]byte("table of contents"), 0)
	h.must(err)
	h.must(g.close())
	h.whole(g.entry, "file", h.read())
	if n := h.calls.count["PutPart"]; n > 40 {
		t.Errorf("%d parts were sent", n)
	}
}

func TestFileLargerThanAnyObject(t *testing.T) {
	limits := &objstore.Limits{
		MinPart: 1, MaxPart: 1 << 30, MaxParts: 1000, MaxPut: 1 << 30, Algorithm: objstore.CRC64NVME, MaxObject: 4 * partSize,
	}
	t.Run("is not begun", func(t *testing.T) {
		h := newHarness(t, limits)
		h.write("file", random(4*partSize+1))
		if _, err := h.send("file"); !errors.Is(err, transfer.ErrTooLarge) || objstore.CureOf(err) == "" {
			t.Errorf("got %v", err)
		}
		if n := h.calls.count["PutPart"] + h.calls.count["Begin"] + h.calls.count["Put"]; n > 0 {
			t.Errorf("%d requests were made", n)
		}
	})
	t.Run("ends a stream", func(t *testing.T) {
		h := newHarness(t, limits)
		g := follow(h)
		g.append(3)
		_, err := g.writer.Write(random(2 * partSize))
		h.must(err)
		if err := <-g.result; !errors.Is(err, transfer.ErrTooLarge) { // The writer has it open still.
			t.Errorf("got %v", err)
		}
		h.nothingLeft()
	})
}

func TestFollowEndsWithAFaultThatLasts(t *testing.T) {
	h := newHarness(t, anyOrder)
	h.calls.before = func(call string, n int) error {
		if call == "PutPart" && n > 1 {
			return fail(objstore.Invalid)()
		}
		return nil
	}
	g := follow(h)
	_, err := g.writer.Write(random(4 * partSize))
	h.must(err)
	err = g.close()
	if e, ok := errors.AsType[*objstore.Error](err); !ok || e.Class != objstore.Invalid {
		t.Errorf("got %v", err)
	}
	h.absent("file")
}
