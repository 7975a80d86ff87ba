package transfer_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/objstore"
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
	g := &grow{harness: h, closed: make(chan struct{}), result: make(chan error, 1)}
	var err error
	g.writer, err = os.Create(filepath.Join(h.dir, "file"))
	h.must(err)
	f, err := h.spool.Open("file")
	h.must(err)
	go func() {
		defer f.Close()
		var err error
		g.entry, err = h.sender.Send(h.Context(), f, "key/file", g.closed)
		g.result <- err
	}()
	return g
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

func TestFollowEndsWithAFault(t *testing.T) {
	h := newHarness(t, anyOrder)
	h.calls.before = once("PutPart", 2, fail(objstore.Invalid))
	g := follow(h)
	_, err := g.writer.Write(random(4 * partSize))
	h.must(err)
	err = g.close()
	if e, ok := errors.AsType[*objstore.Error](err); !ok || e.Class != objstore.Invalid {
		t.Errorf("got %v", err)
	}
	h.absent("file")
}
