package transfer

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"lighterman.dev/lighterman/uploader/objstore"
)

// parts are the parts of one upload.
type parts struct {
	mu     sync.Mutex
	stored map[int]objstore.Part
	// reported is the size that was reported for each.
	reported map[int]int64
	// inFlight sends parts; nil: none is being sent.
	inFlight    *errgroup.Group
	inFlightCtx context.Context
	// existsErr is the error with which the store has refused the key, now or in an earlier attempt. Then nothing is sent,
	// and in the end the existing object is compared with the file.
	existsErr error
}

// readAhead is how many parts may be read and wait for the gate.
const readAhead = 2

// partRange returns where a part is in a file of a size.
func (t *transfer) partRange(number int, size int64) (offset, length int64) {
	offset = int64(number-1) * t.partSize
	return offset, min(t.partSize, size-offset)
}

// waitInFlight waits for the parts that are being sent.
func (t *transfer) waitInFlight() error {
	if t.parts.inFlight == nil {
		return nil
	}
	err := t.parts.inFlight.Wait()
	t.parts.inFlight = nil
	return err
}

// ensurePart sends a part unless the store has it. It waits while too many are in flight.
func (t *transfer) ensurePart(ctx context.Context, number int, offset int64, c content) error {
	inFlight, err := t.partToSend(ctx, number, c)
	if inFlight == nil || err != nil {
		return err
	}
	inFlight.Go(func() error { return t.sendPart(t.parts.inFlightCtx, number, offset, c) })
	return nil
}

// partToSend returns the group that is to send a part; nil: there is nothing to send.
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
			return nil, &objstore.Error{
				Class: objstore.NoUpload, Err: fmt.Errorf("part %d has changed, and the store replaces none", number),
			}
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
		return nil, nil // A part has failed: waitInFlight returns its error.
	}
	return p.inFlight, nil
}

// reportPart reports the progress of a part, once for each size.
func (t *transfer) reportPart(number int, size int64) {
	if reported := t.parts.reported[number]; reported != size {
		t.ReportProgress(size - reported)
		t.parts.reported[number] = size
	}
}

// sendPart sends a part and records that the store has it. It returns nil for a part that has changed meanwhile: the
// round will find that, and the next round sends the part again.
func (t *transfer) sendPart(ctx context.Context, number int, offset int64, c content) error {
	request := fmt.Sprintf("put part %d of %s", number, t.object.Key)
	put := func(ctx context.Context, body objstore.Body) (objstore.Part, error) {
		return t.Store.PutPart(ctx, t.object, t.id, number, body)
	}
	part, err := sendBody(ctx, t, request, offset, c, put)
	if errors.Is(err, ErrChanged) {
		return nil
	}
	if objstore.ClassOf(err) == objstore.Corrupt {
		// Either the file has changed since its checksum was made, or the content was corrupted on the way.
		if again, readErr := checksumPart(t.file, offset, c.size, c.sum.Algorithm); readErr != nil || again != c {
			return nil
		}
	}
	if err != nil {
		return err
	}
	if part.Size != c.size || part.Sum != c.sum {
		return &objstore.Error{
			Class: objstore.Corrupt,
			Err: fmt.Errorf("%s: the store confirms %d bytes with %v, and %d with %v were sent", request, part.Size, part.Sum,
				c.size, c.sum),
		}
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
