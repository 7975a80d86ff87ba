package transfer_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transfer"
)

// streamMemory is for four parts.
const streamMemory = 4 * partSize

// stream sends data as a command writes it, in pieces of all sizes.
func (h *harness) stream(data []byte) (*transfer.Stream, error) {
	h.Helper()
	s := h.sender.NewStream("dump", "key/dump", streamMemory)
	h.must(s.CheckKey(h.Context()))
	r, w := io.Pipe()
	go func() {
		for n := 1; len(data) > 0; n = 3*n%50_000 + 1 {
			piece := min(n, len(data))
			if _, err := w.Write(data[:piece]); err != nil {
				return
			}
			data = data[piece:]
		}
		w.Close()
	}()
	return s, s.Send(h.Context(), r)
}

func TestStream(t *testing.T) {
	for name, limits := range map[string]*objstore.Limits{"any order": anyOrder, "one by one": oneByOne} {
		for size, parts := range map[int]int{
			0: 0, 1: 0, partSize - 1: 0, partSize: 1, partSize + 1: 2, 9*partSize + 77: 10,
		} {
			h := newHarness(t, limits)
			data := random(size)
			s, err := h.stream(data)
			h.must(err)
			h.absent("dump")
			if got := h.calls.count["PutPart"]; got != parts {
				t.Errorf("%s, %d bytes: %d parts, want %d", name, size, got, parts)
			}
			if s.Read() != int64(size) {
				t.Errorf("%s: %d bytes were read of %d", name, s.Read(), size)
			}
			e, err := s.Publish(t.Context())
			h.must(err)
			h.whole(e, "dump", data)
			if e.Path != "dump" || e.Modified.IsZero() || h.sent != int64(size) {
				t.Errorf("%s: the entry is %+v, and %d of %d bytes were reported", name, e, h.sent, size)
			}
		}
	}
}

// A part that the store refuses, or receives corrupted, is sent again from memory.
func TestStreamSendsPartsAgain(t *testing.T) {
	for _, class := range []objstore.Class{objstore.Transient, objstore.Throttled, objstore.Denied, objstore.Corrupt} {
		h := newHarness(t, anyOrder)
		failures := 0
		h.calls.before = func(call string, n int) error {
			if call == "PutPart" && n%3 == 0 && n < 12 {
				failures++
				return fail(class)()
			}
			return nil
		}
		data := random(9*partSize + 77)
		s, err := h.stream(data)
		h.must(err)
		e, err := s.Publish(t.Context())
		h.must(err)
		h.whole(e, "dump", data)
		if failures == 0 {
			t.Errorf("%s: nothing has failed", class)
		}
	}
}

// A stream that cannot be stored leaves nothing, and its writer gets an error at once.
func TestStreamThatFails(t *testing.T) {
	gone := fail(objstore.NoUpload)
	for name, limits := range map[string]*objstore.Limits{"any order": anyOrder, "one by one": oneByOne} {
		h := newHarness(t, limits)
		h.calls.before = once("PutPart", 3, gone)
		r, w := io.Pipe()
		written := make(chan error, 1)
		go func() {
			for {
				if _, err := w.Write(make([]byte, 1000)); err != nil {
					written <- err
					return
				}
			}
		}()
		s := h.sender.NewStream("dump", "key/dump", streamMemory)
		if err := s.Send(t.Context(), r); objstore.ClassOf(err) != objstore.NoUpload {
			t.Errorf("%s: got %v", name, err)
		}
		if err := <-written; !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: the writer gets %v", name, err)
		}
		h.absent("dump")
		h.nothingLeft()
	}
}

// A command that dies at 99 %: what has arrived is aborted.
func TestStreamAborted(t *testing.T) {
	h := newHarness(t, anyOrder)
	s, err := h.stream(random(9*partSize + 77))
	h.must(err)
	h.must(s.Abort(t.Context()))
	if _, err := s.Publish(t.Context()); err == nil {
		t.Error("what was aborted is published")
	}
	h.absent("dump")
	h.nothingLeft()

	ctx, cancel := context.WithCancelCause(t.Context())
	lost := errors.New("the session was lost")
	r, w := io.Pipe()
	go func() {
		_, _ = w.Write(random(5 * partSize))
		cancel(lost)
	}()
	if err := h.sender.NewStream("dump", "key/dump", streamMemory).Send(ctx, r); !errors.Is(err, lost) {
		t.Errorf("got %v", err)
	}
	h.absent("dump")
	h.nothingLeft()
}

func TestStreamOfTakenKey(t *testing.T) {
	h := newHarness(t, anyOrder)
	put(t, h, "another")
	s := h.sender.NewStream("dump", "key/dump", streamMemory)
	if err := s.CheckKey(t.Context()); !errors.Is(err, transfer.ErrConflict) {
		t.Errorf("before the command runs: got %v", err)
	}
	// The object appears while the command runs.
	for _, size := range []int{3, 3 * partSize} {
		h.sender.WriteOnly = true // The key cannot be looked at.
		s, err := h.stream(random(size))
		h.must(err)
		h.sender.WriteOnly = false
		if _, err := s.Publish(t.Context()); !errors.Is(err, transfer.ErrConflict) {
			t.Errorf("%d bytes: got %v", size, err)
		}
		h.must(s.Abort(t.Context()))
		h.nothingLeft()
	}
	// An answer was lost: the object has the same bytes.
	for _, size := range []int{3, 3*partSize + 1} {
		h := newHarness(t, anyOrder)
		for _, call := range []string{"Put", "Complete"} {
			if h.calls.after == nil {
				h.calls.after = once(call, 1, fail(objstore.Transient))
			}
		}
		data := random(size)
		s, err := h.stream(data)
		h.must(err)
		e, err := s.Publish(t.Context())
		h.must(err)
		h.whole(e, "dump", data)
	}
}

func put(t *testing.T, h *harness, content string) {
	t.Helper()
	_, err := h.store.Put(t.Context(), &objstore.Object{Key: "key/dump"}, objstore.Body{
		ReaderAt: strings.NewReader(content), Size: int64(len(content)),
	})
	h.must(err)
}

// The parts grow, and what is larger than all of them together is an error as soon as its first byte is read.
func TestStreamGrowsToTheLargestObject(t *testing.T) {
	limits := *anyOrder
	limits.MaxParts = 10
	h := newHarness(t, &limits)
	largest := h.sender.NewStream("dump", "key/dump", streamMemory).Largest()
	if want := int64(2*partSize + 8*2*partSize); largest != want {
		t.Fatalf("the largest stream has %d bytes, want %d", largest, want)
	}
	data := random(int(largest))
	s, err := h.stream(data)
	h.must(err)
	e, err := s.Publish(t.Context())
	h.must(err)
	h.whole(e, "dump", data)

	h = newHarness(t, &limits)
	if _, err := h.stream(random(int(largest) + 1)); !errors.Is(err, transfer.ErrStreamTooLarge) {
		t.Errorf("got %v", err)
	}
	h.absent("dump")
	h.nothingLeft()
}

// However slow the store is, no more is in memory than was granted; the command waits.
func TestStreamIsBoundedInMemory(t *testing.T) {
	h := newHarness(t, anyOrder)
	release := make(chan struct{})
	h.calls.before = func(call string, _ int) error {
		if call == "PutPart" {
			<-release
		}
		return nil
	}
	var mu sync.Mutex
	written := 0
	r, w := io.Pipe()
	data := random(20 * partSize)
	go func() {
		for piece := range slices.Chunk(data, 1000) {
			_, _ = w.Write(piece)
			mu.Lock()
			written += len(piece)
			mu.Unlock()
		}
		w.Close()
	}()
	s := h.sender.NewStream("dump", "key/dump", streamMemory)
	sent := make(chan error, 1)
	go func() { sent <- s.Send(t.Context(), r) }()
	seen := -1
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		mu.Lock()
		now := written
		mu.Unlock()
		if now == seen && now > 0 {
			break
		}
		seen = now
	}
	if seen > streamMemory {
		t.Errorf("%d bytes were taken from the command while the store takes nothing", seen)
	}
	before := s.Waited()
	time.Sleep(10 * time.Millisecond)
	if s.Waited() != before {
		t.Error("it waits for bytes, and there is no room for any")
	}
	close(release)
	h.must(<-sent)
	e, err := s.Publish(t.Context())
	h.must(err)
	h.whole(e, "dump", data)
}

// A request that reads on when its answer is there finds nothing: the memory is another part's by then.
func TestPartIsNotReadAfterItsRequest(t *testing.T) {
	h := newHarness(t, anyOrder)
	late := &lateReader{calls: h.calls}
	h.sender.Store = late
	data := random(9 * partSize)
	s, err := h.stream(data)
	h.must(err)
	e, err := s.Publish(t.Context())
	h.must(err)
	h.whole(e, "dump", data)
	for _, body := range late.bodies {
		if n, err := body.ReadAt(make([]byte, 1), body.Offset); err == nil {
			t.Errorf("%d bytes can be read of a part whose request has ended", n)
		}
	}
}

type lateReader struct {
	*calls

	mu     sync.Mutex
	bodies []objstore.Body
}

func (l *lateReader) PutPart(
	ctx context.Context, o *objstore.Object, id string, number int, body objstore.Body,
) (objstore.Part, error) {
	l.mu.Lock()
	l.bodies = append(l.bodies, body)
	l.mu.Unlock()
	return l.calls.PutPart(ctx, o, id, number, body)
}

// Waited tells a command that writes nothing from a store that takes nothing.
func TestStreamTellsThatItWaits(t *testing.T) {
	h := newHarness(t, anyOrder)
	r, w := io.Pipe()
	s := h.sender.NewStream("dump", "key/dump", streamMemory)
	sent := make(chan error, 1)
	go func() { sent <- s.Send(t.Context(), r) }()
	for deadline := time.Now().Add(30 * time.Second); s.Waited() < 20*time.Millisecond; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not wait")
		}
	}
	h.must(w.Close())
	h.must(<-sent)
	before := s.Waited()
	time.Sleep(10 * time.Millisecond)
	if s.Waited() != before {
		t.Error("it has ended, and waits")
	}
}

// A stream that was sent to its end can be published by another process.
func TestRestoreStream(t *testing.T) {
	h := newHarness(t, anyOrder)
	data := random(3*partSize + 1)
	_, err := h.stream(data)
	h.must(err)
	h.must(h.sender.Journal.Close())
	h.restart()
	s, ok := h.sender.RestoreStream("dump", "key/dump")
	if !ok {
		t.Fatal("the journal has no stream")
	}
	e, err := s.Publish(t.Context())
	h.must(err)
	h.whole(e, "dump", data)
	if _, ok := h.sender.RestoreStream("dump", "key/dump"); ok {
		t.Error("it is published, and can be published")
	}
}
