package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"lighterman.dev/lighterman/internal/test/dirstore"
	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/spool"
	"lighterman.dev/lighterman/uploader/storetest"
	"lighterman.dev/lighterman/uploader/transfer"
)

const partSize = 64 << 10

// calls watches the requests to a store. before may fail a request that then is not made; after may fail one that was
// made, as when its answer is lost.
type calls struct {
	objstore.Store

	mu            sync.Mutex
	count         map[string]int
	before, after func(call string, n int) error
}

func (c *calls) do(call string, request func() error) error {
	c.mu.Lock()
	c.count[call]++
	n := c.count[call]
	c.mu.Unlock()
	if c.before != nil {
		if err := c.before(call, n); err != nil {
			return err
		}
	}
	err := request()
	if err == nil && c.after != nil {
		err = c.after(call, n)
	}
	return err
}

func (c *calls) Put(ctx context.Context, o *objstore.Object, body objstore.Body) (stored objstore.Stored, err error) {
	err = c.do("Put", func() (err error) { stored, err = c.Store.Put(ctx, o, body); return err })
	return stored, err
}

func (c *calls) Begin(ctx context.Context, o *objstore.Object) (id string, err error) {
	err = c.do("Begin", func() (err error) { id, err = c.Store.Begin(ctx, o); return err })
	return id, err
}

func (c *calls) PutPart(
	ctx context.Context, o *objstore.Object, id string, number int, body objstore.Body,
) (part objstore.Part, err error) {
	err = c.do("PutPart", func() (err error) { part, err = c.Store.PutPart(ctx, o, id, number, body); return err })
	return part, err
}

func (c *calls) Complete(
	ctx context.Context, o *objstore.Object, id string, parts []objstore.Part,
) (stored objstore.Stored, err error) {
	err = c.do("Complete", func() (err error) { stored, err = c.Store.Complete(ctx, o, id, parts); return err })
	return stored, err
}

func (c *calls) Stat(ctx context.Context, key string) (stored objstore.Stored, err error) {
	err = c.do("Stat", func() (err error) { stored, err = c.Store.Stat(ctx, key); return err })
	return stored, err
}

// harness is a spool, a store, and what sends from one to the other.
type harness struct {
	*testing.T

	dir    string
	state  string
	store  *dirstore.Store
	calls  *calls
	spool  *spool.Spool
	sender *transfer.Sender
	object objstore.Object
	// sent is the sum of what ReportProgress was called with.
	sent int64
}

// The file system of the test is large, and a growing file could fill it: only with many parts do they stay small.
var (
	anyOrder = &objstore.Limits{
		MinPart: 1, MaxPart: 1 << 30, MaxParts: 1 << 40, MaxPut: 1 << 30, Algorithm: objstore.CRC64NVME,
	}
	oneByOne = &objstore.Limits{
		MinPart: 1, MaxPart: 1 << 30, MaxParts: 1 << 40, MaxPut: 1 << 30, Algorithm: objstore.CRC32C, Sequential: true,
	}
)

func newHarness(t *testing.T, limits *objstore.Limits) *harness {
	t.Helper()
	h := &harness{T: t, dir: storetest.TempDir(t), state: storetest.TempDir(t)}
	store, err := dirstore.Open(storetest.TempDir(t), dirstore.Options{Limits: limits})
	h.must(err)
	h.store, h.calls = store, &calls{Store: store, count: map[string]int{}}
	h.spool, err = spool.Open(h.dir)
	h.must(err)
	h.restart()
	return h
}

// restart makes everything anew that a process holds.
func (h *harness) restart() {
	h.Helper()
	j, _, err := journal.Open(h.state, "run")
	h.must(err)
	gate := transfer.NewGate(4, partSize)
	var mu sync.Mutex
	h.sent = 0
	h.sender = &transfer.Sender{
		Store: h.calls, Journal: j, Spool: h.spool, PartSize: partSize, Gate: gate,
		NewObject: func(key string) *objstore.Object {
			o := h.object
			o.Key = key
			return &o
		},
		Retry: transfer.Retry{
			FirstPause: time.Millisecond, LongestPause: time.Millisecond, OnThrottled: gate.Narrow,
			Log: slog.New(slog.DiscardHandler),
		},
		TakenKeys: &transfer.TakenKeys{},
		ReportProgress: func(n int64) {
			mu.Lock()
			defer mu.Unlock()
			h.sent += n
		},
		Log: slog.New(slog.DiscardHandler),
	}
}

func (h *harness) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func random(n int) []byte {
	data := make([]byte, n)
	source := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	source.Read(data)
	return data
}

func (h *harness) write(name string, data []byte) {
	h.Helper()
	h.must(os.WriteFile(filepath.Join(h.dir, name), data, 0o600))
}

// change writes into the file without making it anew.
func (h *harness) change(offset int64, data []byte) {
	f, err := os.OpenFile(filepath.Join(h.dir, "file"), os.O_WRONLY, 0)
	h.must(err)
	_, err = f.WriteAt(data, offset)
	h.must(errors.Join(err, f.Close()))
}

// truncate cuts the file off.
func (h *harness) truncate(size int64) {
	h.Helper()
	h.must(os.Truncate(filepath.Join(h.dir, "file"), size))
}

func (h *harness) read() []byte {
	h.Helper()
	data, err := os.ReadFile(filepath.Join(h.dir, "file"))
	h.must(err)
	return data
}

func (h *harness) send(name string) (journal.Entry, error) {
	h.Helper()
	f, err := h.spool.Open(name)
	h.must(err)
	defer f.Close()
	return h.sender.Send(h.Context(), f, "key/"+name, nil)
}

// whole checks that the object and the entry have these bytes, and that no upload is left over.
func (h *harness) whole(e journal.Entry, name string, data []byte) {
	h.Helper()
	r, err := h.store.Open(h.Context(), "key/"+name, "")
	h.must(err)
	defer r.Close()
	got, err := io.ReadAll(r)
	h.must(err)
	if !bytes.Equal(got, data) {
		h.Fatalf("the object has %d bytes that are not the %d of the file", len(got), len(data))
	}
	if e.Size != int64(len(data)) || e.SHA256 != hexSHA(data) || e.Key != "key/"+name || e.Checksum.Value == "" {
		h.Errorf("the entry is %+v", e)
	}
	if noted, ok := h.sender.Journal.Entry(e.Path); !ok || noted != e {
		h.Errorf("the journal has %+v", noted)
	}
	h.nothingLeft()
}

func (h *harness) nothingLeft() {
	h.Helper()
	for u, err := range h.store.Unfinished(h.Context(), "") {
		h.must(err)
		h.Errorf("an upload of %s is left over", u.Key)
	}
	if left := h.sender.Journal.Uploads(); len(left) > 0 {
		h.Errorf("the journal has %+v", left)
	}
}

func (h *harness) absent(name string) {
	h.Helper()
	if _, err := h.store.Stat(h.Context(), "key/"+name); objstore.ClassOf(err) != objstore.NotFound {
		h.Errorf("the object is visible: %v", err)
	}
}

// once does something at the nth time of a call.
func once(call string, n int, do func() error) func(string, int) error {
	return func(c string, i int) error {
		if c == call && i == n {
			return do()
		}
		return nil
	}
}

func fail(class objstore.Class) func() error {
	return func() error { return &objstore.Error{Class: class, Err: errors.New("a fault of the test")} }
}
