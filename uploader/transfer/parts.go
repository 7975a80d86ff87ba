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
	mu     sync.Mutex
	stored map[int]objstore.Part
	// reported is what Progress was told of each.
	reported map[int]int64
	// inFlight are the parts on their way; nil: none.
	inFlight    *errgroup.Group
	inFlightCtx context.Context
	// existsErr is set when the store says at the beginning, or has said before, that the key is taken: then nothing is sent, and
	// in the end the object is compared with the file.
	existsErr error
}

// readAhead is how many parts may have been read and wait to be sent.
const readAhead = 2

// partRange is the place of a part in a file of a size.
func (t *transfer) partRange(number int, size int64) (offset, length int64) {
	offset = int64(number-1) * t.partSize
	return offset, min(t.partSize, size-offset)
}

// beginUpload begins the upload, if it has not begun.
func (t *transfer) beginUpload(ctx context.Context) error {
	if t.id != "" || t.keyTaken() {
		return nil
	}
	if t.parts.existsErr = t.earlierRefusal(ctx); t.keyTaken() {
		return nil
	}
	var id string
	err := t.Retry.Do(ctx, "begin "+t.object.Key, func(ctx context.Context) (err error) {
		id, err = withStallTimeout(ctx, func(ctx context.Context, _ func()) (string, error) { return t.Store.Begin(ctx, t.object) })
		return err
	})
	switch {
	case err == nil:
		t.id = id
		t.Journal.BeginUpload(journal.Upload{Path: t.path, Key: t.object.Key, ID: t.id, PartSize: t.partSize})
	case objstore.ClassOf(err) == objstore.Exists:
		t.Log.Warn("an object has the key; it is compared with the file in the end", "key", t.object.Key)
		t.parts.existsErr, err = err, nil
	}
	return err
}

// keyTaken reports whether the store said at the beginning that the key is taken.
func (t *transfer) keyTaken() bool { return t.parts.existsErr != nil }

// resetUpload gives up what the store has: the next round begins anew.
func (t *transfer) resetUpload() {
	t.id = ""
	t.Journal.EndUpload(t.path)
	t.parts.stored = map[int]objstore.Part{}
	t.parts.existsErr = nil
}

// abandonUpload frees the parts of an upload that is of no use any more.
func (t *transfer) abandonUpload(ctx context.Context) error {
	defer t.resetUpload()
	return t.AbortFile(ctx, t.path)
}

// waitInFlight waits for the parts on their way.
func (t *transfer) waitInFlight() error {
	if t.parts.inFlight == nil {
		return nil
	}
	err := t.parts.inFlight.Wait()
	t.parts.inFlight = nil
	return err
}

// ensurePart sends a part that the store does not have as it is. It waits while too many are on their way.
func (t *transfer) ensurePart(ctx context.Context, number int, offset int64, c content) error {
	inFlight, err := t.partToSend(ctx, number, c)
	if inFlight == nil || err != nil {
		return err
	}
	inFlight.Go(func() error { return t.sendPart(t.parts.inFlightCtx, number, offset, c) })
	return nil
}

// partToSend is nil when there is nothing to send.
func (t *transfer) partToSend(ctx context.Context, number int, c content) (*errgroup.Group, error) {
	p := t.parts
	p.mu.Lock()
	defer p.mu.Unlock()
	if have, sent := p.stored[number]; sent {
		if have.Size == c.size && have.Sum == c.sum {
			t.reportPart(number, c.size)
			return nil, nil
		}
		if t.Store.Limits().Sequential {
			return nil, &objstore.Error{Class: objstore.NoUpload, Err: fmt.Errorf("part %d has changed, and the store replaces none", number)}
		}
		delete(p.stored, number)
		t.reportPart(number, 0)
	}
	if t.keyTaken() {
		return nil, nil
	}
	if p.inFlight == nil {
		p.inFlight, p.inFlightCtx = errgroup.WithContext(ctx)
		limit := readAhead + t.Gate.Places()
		if t.Store.Limits().Sequential {
			limit = 1
		}
		p.inFlight.SetLimit(limit)
	}
	if p.inFlightCtx.Err() != nil {
		return nil, nil // A part has failed: land says why.
	}
	return p.inFlight, nil
}

// reportPart tells of a part once.
func (t *transfer) reportPart(number int, size int64) {
	if reported := t.parts.reported[number]; reported != size {
		t.ReportProgress(size - reported)
		t.parts.reported[number] = size
	}
}

func (t *transfer) sendPart(ctx context.Context, number int, offset int64, c content) error {
	what := fmt.Sprintf("put part %d of %s", number, t.object.Key)
	part, err := sendBody(ctx, t, what, offset, c, func(ctx context.Context, body objstore.Body) (objstore.Part, error) {
		return t.Store.PutPart(ctx, t.object, t.id, number, body)
	})
	if errors.Is(err, ErrChanged) {
		return nil // The round is not the last.
	}
	if objstore.ClassOf(err) == objstore.Corrupt {
		// If the file has changed in between, the round is not the last. Else this is a fault.
		if again, readErr := checksumPart(t.file, offset, c.size, c.sum.Algorithm); readErr != nil || again != c {
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
	t.Journal.AddPart(t.path, part)
	if t.dropCache {
		t.file.DropCache(offset, c.size)
	}
	t.parts.mu.Lock()
	defer t.parts.mu.Unlock()
	t.parts.stored[number] = part
	t.reportPart(number, c.size)
	return nil
}
