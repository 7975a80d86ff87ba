package transfer

import (
	"context"
	"errors"
	"time"
)

// follows is how often a growing file is looked at.
const follows = 200 * time.Millisecond

// follow sends each part of a growing file as soon as it is full, until growing is closed.
func (t *transfer) follow(ctx context.Context, growing <-chan struct{}) error {
	tick := time.NewTicker(follows)
	defer tick.Stop()
	for {
		state, err := t.file.State()
		if err != nil {
			return err
		}
		if state.Size < int64(len(t.digest.sums))*t.partSize {
			t.digest = newDigest() // It was cut off. What was sent is compared in the end.
		}
		for int64(len(t.digest.sums)+1)*t.partSize <= state.Size {
			if err := t.next(ctx, state.Size); err != nil {
				return errors.Join(err, t.land())
			}
		}
		select {
		case <-growing:
			return nil
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), t.land())
		case <-tick.C:
		}
	}
}

// next reads the next part of the pass, and lets it go.
func (t *transfer) next(ctx context.Context, size int64) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	number := len(t.digest.sums) + 1
	offset, length := t.part(number, size)
	c, err := t.digest.add(t.file, offset, length, t.Store.Limits().Algorithm)
	if err != nil {
		return err
	}
	return t.ensure(ctx, number, offset, c)
}
