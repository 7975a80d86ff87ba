package transfer

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/objstore"
)

// parts are what the store has of a file.
type parts struct {
	mu   sync.Mutex
	have map[int]objstore.Part
	// counted is what Progress was told of each.
	counted map[int]int64
	// flight are the parts on their way; nil: none.
	flight *errgroup.Group
	ctx    context.Context
	// exists is set when the store says at the beginning, or has said before, that the key is taken: then nothing is sent, and
	// in the end the object is compared with the file.
	exists error
}

// ahead is how many parts may have been read and wait to be sent.
const ahead = 2

// part is the place of a part in a file of a size.
func (t *transfer) part(number int, size int64) (offset, length int64) {
	offset = int64(number-1) * t.partSize
	return offset, min(t.partSize, size-offset)
}

// begin begins the upload, if it has not begun.
func (t *transfer) begin(ctx context.Context) error {
	if t.id != "" || t.taken() {
		return nil
	}
	if t.parts.exists = t.refusedBefore(ctx); t.taken() {
		return nil
	}
	var id string
	err := t.Retry.Do(ctx, "begin "+t.object.Key, func(ctx context.Context) (err error) {
		id, err = attempt(ctx, func(ctx context.Context, _ func()) (string, error) { return t.Store.Begin(ctx, t.object) })
		return err
	})
	switch {
	case err == nil:
		t.id = id
		t.Journal.Begin(journal.Upload{Path: t.path, Key: t.object.Key, ID: t.id, PartSize: t.partSize})
	case objstore.ClassOf(err) == objstore.Exists:
		t.Log.Warn("an object has the key; it is compared with the file in the end", "key", t.object.Key)
		t.parts.exists, err = err, nil
	}
	return err
}

// taken reports whether the store said at the beginning that the key is taken.
func (t *transfer) taken() bool { return t.parts.exists != nil }

// forget gives up what the store has: the next round begins anew.
func (t *transfer) forget() {
	t.id = ""
	t.Journal.End(t.path)
	t.parts.have = map[int]objstore.Part{}
	t.parts.exists = nil
}

// giveUp frees the parts of an upload that is of no use any more.
func (t *transfer) giveUp(ctx context.Context) error {
	defer t.forget()
	return t.Abort(ctx, t.path)
}

// land waits for the parts on their way.
func (t *transfer) land() error {
	if t.parts.flight == nil {
		return nil
	}
	err := t.parts.flight.Wait()
	t.parts.flight = nil
	return err
}

// ensure sends a part that the store does not have as it is. It waits while too many are on their way.
func (t *transfer) ensure(ctx context.Context, number int, offset int64, c content) error {
	flight, err := t.missing(ctx, number, c)
	if flight == nil || err != nil {
		return err
	}
	flight.Go(func() error { return t.sendPart(t.parts.ctx, number, offset, c) })
	return nil
}

// missing is nil when there is nothing to send.
func (t *transfer) missing(ctx context.Context, number int, c content) (*errgroup.Group, error) {
	p := t.parts
	p.mu.Lock()
	defer p.mu.Unlock()
	if have, sent := p.have[number]; sent {
		if have.Size == c.size && have.Sum == c.sum {
			t.count(number, c.size)
			return nil, nil
		}
		if t.Store.Limits().Sequential {
			return nil, &objstore.Error{Class: objstore.NoUpload, Err: fmt.Errorf("part %d has changed, and the store replaces none", number)}
		}
		delete(p.have, number)
		t.count(number, 0)
	}
	if t.taken() {
		return nil, nil
	}
	if p.flight == nil {
		p.flight, p.ctx = errgroup.WithContext(ctx)
		limit := ahead + t.Gate.Places()
		if t.Store.Limits().Sequential {
			limit = 1
		}
		p.flight.SetLimit(limit)
	}
	if p.ctx.Err() != nil {
		return nil, nil // A part has failed: land says why.
	}
	return p.flight, nil
}

// count tells of a part once.
func (t *transfer) count(number int, size int64) {
	if told := t.parts.counted[number]; told != size {
		t.Progress(size - told)
		t.parts.counted[number] = size
	}
}

func (t *transfer) sendPart(ctx context.Context, number int, offset int64, c content) error {
	what := fmt.Sprintf("put part %d of %s", number, t.object.Key)
	part, err := send(ctx, t, what, offset, c, func(ctx context.Context, body objstore.Body) (objstore.Part, error) {
		return t.Store.PutPart(ctx, t.object, t.id, number, body)
	})
	if errors.Is(err, ErrChanged) {
		return nil // The round is not the last.
	}
	if objstore.ClassOf(err) == objstore.Corrupt {
		// If the file has changed in between, the round is not the last. Else this is a fault.
		if again, readErr := read(t.file, offset, c.size, c.sum.Algorithm); readErr != nil || again != c {
			return nil
		}
	}
	if err != nil {
		return err
	}
	if part.Size != c.size || part.Sum != c.sum {
		return &objstore.Error{Class: objstore.Corrupt, Err: fmt.Errorf("%s: the store confirms %d bytes with %v, and %d with %v were sent",
			what, part.Size, part.Sum, c.size, c.sum)}
	}
	t.Journal.Part(t.path, part)
	if t.drop {
		t.file.DropCache(offset, c.size)
	}
	t.parts.mu.Lock()
	defer t.parts.mu.Unlock()
	t.parts.have[number] = part
	t.count(number, c.size)
	return nil
}
