package transfer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/spool"
)

// put sends a small file in one request.
func (t *transfer) put(ctx context.Context, state spool.State) (journal.Entry, error) {
	d := newDigest()
	c, err := d.add(t.file, 0, state.Size, t.Store.Limits().Algorithm)
	if err != nil {
		return journal.Entry{}, err
	}
	if err := t.unchanged(state); err != nil {
		return journal.Entry{}, err
	}
	var stored objstore.Stored
	if err = t.refusedBefore(ctx); err == nil {
		stored, err = send(ctx, t, "put "+t.object.Key, 0, c, t.newPut())
	}
	switch objstore.ClassOf(err) { //nolint:exhaustive // The others are errors.
	case objstore.Exists:
		stored, err = t.mine(ctx, c, func() (*digest, error) { return d, nil }, err)
	case objstore.Corrupt:
		err = t.blame(state, err)
	}
	if err != nil {
		return journal.Entry{}, err
	}
	if err := t.compare(c, stored); err != nil {
		return journal.Entry{}, err
	}
	t.Progress(c.size)
	return t.entry(state, stored, d.sum()), nil
}

// corruptions is how often bytes are sent again that the store did not receive as they were sent.
const corruptions = 3

// send sends a part of the file, and again where that may help.
func send[T any](ctx context.Context, t *transfer, what string, offset int64, c content, do func(context.Context, objstore.Body) (T, error)) (T, error) {
	var result T
	var unread error
	one := func(ctx context.Context) error {
		if err := t.Gate.Enter(ctx, c.size); err != nil {
			return err
		}
		var err error
		r := &meter{ReaderAt: t.file, limiter: t.Limiter}
		result, err = attempt(ctx, func(ctx context.Context, moved func()) (T, error) {
			r.ctx, r.moved = ctx, moved
			return do(ctx, objstore.Body{ReaderAt: r, Offset: offset, Size: c.size, Sum: c.sum})
		})
		t.Gate.Leave(c.size, err == nil)
		if why := r.failed.Load(); err != nil && why != nil {
			unread = *why
			return nil // To ask the store again would not help.
		}
		return err
	}
	var err error
	for range corruptions {
		err = cmp.Or(t.Retry.Do(ctx, what, one), unread)
		if objstore.ClassOf(err) != objstore.Corrupt {
			break
		}
		t.Log.Warn("the store received other bytes than the file has", "what", what, "error", err)
	}
	return result, err
}

// blame tells a file that has changed from a fault on the way.
func (t *transfer) blame(state spool.State, err error) error {
	if changed := t.unchanged(state); changed != nil {
		return changed
	}
	return err
}

// compare checks what the store says that it has.
func (t *transfer) compare(c content, stored objstore.Stored) error {
	if stored.Size == c.size && (stored.Sum == c.sum || stored.Sum.Algorithm != c.sum.Algorithm || c.sum == objstore.Sum{}) {
		return nil
	}
	return &objstore.Error{
		Class: objstore.Corrupt,
		Err: fmt.Errorf("the store has %d bytes with %v of %s, and %d with %v were sent", stored.Size, stored.Sum,
			t.object.Key, c.size, c.sum),
	}
}

// mine tells the object that this very file made before, when an answer was lost, from one of somebody else. What the
// store has is what was to be stored if its bytes are the same, whoever put them there.
func (t *transfer) mine(ctx context.Context, c content, pass func() (*digest, error), exists error) (objstore.Stored, error) {
	t.Taken.set(t.object.Key, exists)
	if t.WriteOnly {
		return objstore.Stored{}, fmt.Errorf("%w, and may not be read: %w", ErrConflict, exists)
	}
	stored, err := t.stat(ctx)
	if err != nil {
		return objstore.Stored{}, err
	}
	if stored.Size != c.size {
		return objstore.Stored{}, fmt.Errorf("%w: it has %d bytes, and the file has %d: %w", ErrConflict, stored.Size, c.size, exists)
	}
	if stored.Sum.Algorithm == c.sum.Algorithm && stored.Sum.Value != "" {
		if stored.Sum != c.sum {
			return objstore.Stored{}, fmt.Errorf("%w: its checksum is another: %w", ErrConflict, exists)
		}
		return stored, nil
	}
	d, err := pass()
	if err != nil {
		return objstore.Stored{}, err
	}
	return stored, t.readBack(ctx, stored, d.sum(), exists)
}

// readBack compares an object whose checksum the store does not know.
func (t *transfer) readBack(ctx context.Context, stored objstore.Stored, sha string, exists error) error {
	return t.Retry.Do(ctx, "read "+stored.Key, func(ctx context.Context) error {
		r, err := t.Store.Open(ctx, stored.Key, stored.Version)
		if err != nil {
			return err
		}
		defer r.Close() //nolint:errcheck // It is only read.
		h := sha256.New()
		if _, err := io.Copy(h, r); err != nil {
			return &objstore.Error{Class: objstore.Transient, Err: fmt.Errorf("read %s: %w", stored.Key, err)}
		}
		if hex.EncodeToString(h.Sum(nil)) != sha {
			return fmt.Errorf("%w: its content is another: %w", ErrConflict, exists)
		}
		return nil
	})
}

func (t *transfer) stat(ctx context.Context) (stored objstore.Stored, err error) {
	err = t.Retry.Do(ctx, "look at "+t.object.Key, func(ctx context.Context) error {
		stored, err = attempt(ctx, func(ctx context.Context, _ func()) (objstore.Stored, error) {
			return t.Store.Stat(ctx, t.object.Key)
		})
		return err
	})
	return stored, err
}
