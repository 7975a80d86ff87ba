package transfer

import (
	"context"
	"errors"
	"time"
)

// followInterval is how often followFile looks at the size of a growing file.
const followInterval = 200 * time.Millisecond

// followFile sends each part of a growing file as soon as it is full, until writerClosed is closed.
func (t *transfer) followFile(ctx context.Context, writerClosed <-chan struct{}) error {
	tick := time.NewTicker(followInterval)
	defer tick.Stop()
	for {
		state, err := t.file.State()
		if err != nil {
			return err
		}
		if state.Size < int64(len(t.digest.sums))*t.partSize {
			t.digest = newDigest() // The file was truncated. syncParts compares what was sent.
		}
		for int64(len(t.digest.sums)+1)*t.partSize <= state.Size {
			if err := t.sendNextPart(ctx, state.Size); err != nil {
				return errors.Join(err, t.waitInFlight())
			}
		}
		select {
		case <-writerClosed:
			return nil
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), t.waitInFlight())
		case <-tick.C:
		}
	}
}

// sendNextPart adds the next part of the file to the digest, and sends it.
func (t *transfer) sendNextPart(ctx context.Context, size int64) error {
	if err := t.beginUpload(ctx); err != nil {
		return err
	}
	number := len(t.digest.sums) + 1
	offset, length := t.partRange(number, size)
	c, err := t.digest.addPart(t.file, offset, length, t.Store.Limits().Algorithm)
	if err != nil {
		return err
	}
	return t.ensurePart(ctx, number, offset, c)
}
