package transfer

import (
	"context"
	"errors"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

// agree makes all parts those of the file as it is now.
func (t *transfer) agree(ctx context.Context, size int64) error {
	count := int((size + t.partSize - 1) / t.partSize)
	if count > t.Store.Limits().MaxParts || count == 0 {
		// It has grown, or shrunk to nothing, since its parts were cut: cut it anew.
		if err := errors.Join(t.land(), t.giveUp(ctx), t.prepare(ctx, false)); err != nil {
			return err
		}
		t.digest = newDigest()
		return ErrChanged
	}
	t.shorten(count)
	if err := t.begin(ctx); err != nil {
		return err
	}
	err := t.readAll(ctx, size, count)
	return errors.Join(err, t.land())
}

// shorten drops what is behind the end of the file.
func (t *transfer) shorten(count int) {
	if len(t.digest.sums) > count {
		t.digest.sums, t.digest.valid = t.digest.sums[:count], false
	}
	t.parts.mu.Lock()
	defer t.parts.mu.Unlock()
	for number := range t.parts.have {
		if number > count {
			delete(t.parts.have, number)
			t.count(number, 0)
		}
	}
}

// readAll reads the parts that the pass has left, and those again that it has read before this round. The first goes from
// front to back, for the SHA-256; the second in any order, as fast as it can.
func (t *transfer) readAll(ctx context.Context, size int64, count int) error {
	fresh := slices.Clone(t.digest.sums)
	before := len(fresh)
	// A part that is still on its way must not arrive behind what is sent in its place.
	landed := t.parts.flight
	t.parts.flight = nil
	again := func() error {
		if landed != nil {
			if err := landed.Wait(); err != nil {
				return err
			}
		}
		return t.readAgain(ctx, size, fresh)
	}
	rest := func() error {
		for len(t.digest.sums) < count {
			if err := t.next(ctx, size); err != nil {
				return err
			}
		}
		return nil
	}
	err := t.together(again, rest)
	if !slices.Equal(fresh, t.digest.sums[:before]) {
		copy(t.digest.sums, fresh)
		t.digest.valid = false
	}
	return err
}

// together does both at the same time, or one after the other where parts must come so.
func (t *transfer) together(first, second func() error) error {
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

// readAgain reads the parts that the pass has read before, and puts what it finds in place of what they were.
func (t *transfer) readAgain(ctx context.Context, size int64, sums []content) error {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0)) // Reading from memory is bound by the processor.
	if t.Store.Limits().Sequential {
		g.SetLimit(1)
	}
	for i := range sums {
		g.Go(func() (err error) {
			offset, length := t.part(i+1, size)
			if sums[i], err = read(t.file, offset, length, t.Store.Limits().Algorithm); err != nil {
				return err
			}
			return t.ensure(ctx, i+1, offset, sums[i])
		})
	}
	return g.Wait()
}
