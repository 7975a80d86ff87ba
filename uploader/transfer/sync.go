package transfer

import (
	"context"
	"errors"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

// syncParts makes the parts of the upload those of the file as it is now.
func (t *transfer) syncParts(ctx context.Context, size int64) error {
	count := int((size + t.partSize - 1) / t.partSize)
	if count > t.Store.Limits().MaxParts || count == 0 {
		// The file has grown, or shrunk to nothing, since its part size was chosen.
		if err := errors.Join(t.waitInFlight(), t.abandonUpload(ctx), t.prepareUpload(ctx, false)); err != nil {
			return err
		}
		t.digest = newDigest()
		return ErrChanged
	}
	t.truncateParts(count)
	if err := t.beginUpload(ctx); err != nil {
		return err
	}
	err := t.readAllParts(ctx, size, count)
	return errors.Join(err, t.waitInFlight())
}

// truncateParts drops the parts behind the end of the file.
func (t *transfer) truncateParts(count int) {
	if len(t.digest.sums) > count {
		t.digest.sums, t.digest.valid = t.digest.sums[:count], false
	}
	t.parts.mu.Lock()
	defer t.parts.mu.Unlock()
	for number := range t.parts.stored {
		if number > count {
			delete(t.parts.stored, number)
			t.reportPart(number, 0)
		}
	}
}

// readAllParts sends the parts that were not read before, and reads those again that an earlier round has read or
// followFile has sent. It reads the former in order, for the SHA-256, and the latter in any order.
func (t *transfer) readAllParts(ctx context.Context, size int64, count int) error {
	current := slices.Clone(t.digest.sums)
	before := len(current)
	// A part that is still in flight must not arrive after the one that replaces it.
	earlier := t.parts.inFlight
	t.parts.inFlight = nil
	rereadEarlier := func() error {
		if earlier != nil {
			if err := earlier.Wait(); err != nil {
				return err
			}
		}
		return t.rereadParts(ctx, size, current)
	}
	readRemaining := func() error {
		for len(t.digest.sums) < count {
			if err := t.sendNextPart(ctx, size); err != nil {
				return err
			}
		}
		return nil
	}
	err := t.inOrderOrParallel(rereadEarlier, readRemaining)
	if !slices.Equal(current, t.digest.sums[:before]) {
		copy(t.digest.sums, current)
		t.digest.valid = false
	}
	return err
}

// inOrderOrParallel runs two functions at the same time, or in order where the store takes parts in order.
func (t *transfer) inOrderOrParallel(first, second func() error) error {
	if t.Store.Limits().Sequential {
		if err := first(); err != nil {
			return err
		}
		return second()
	}
	var g errgroup.Group
	g.Go(first)
	g.Go(second)
	return g.Wait()
}

// rereadParts reads parts again, replaces their checksums in sums, and sends those that have changed.
func (t *transfer) rereadParts(ctx context.Context, size int64, sums []content) error {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0)) // The processor bounds reading from the page cache.
	if t.Store.Limits().Sequential {
		g.SetLimit(1)
	}
	for i := range sums {
		g.Go(func() (err error) {
			offset, length := t.partRange(i+1, size)
			if sums[i], err = checksumPart(t.file, offset, length, t.Store.Limits().Algorithm); err != nil {
				return err
			}
			return t.ensurePart(ctx, i+1, offset, sums[i])
		})
	}
	return g.Wait()
}
