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

// putObject sends a small file in one request.
func (t *transfer) putObject(ctx context.Context, state spool.State) (journal.Entry, error) {
	d := newDigest()
	c, err := d.addPart(t.file, 0, state.Size, t.Store.Limits().Algorithm)
	if err != nil {
		return journal.Entry{}, err
	}
	if err := t.checkUnchanged(state); err != nil {
		return journal.Entry{}, err
	}
	var stored objstore.Stored
	if err = t.earlierRefusal(ctx); err == nil {
		stored, err = sendBody(ctx, t, "put "+t.object.Key, 0, c, t.newPut())
	}
	switch objstore.ClassOf(err) { //nolint:exhaustive // The others are errors.
	case objstore.Exists:
		stored, err = t.adoptExisting(ctx, c, func() (*digest, error) { return d, nil }, err)
	case objstore.Corrupt:
		err = t.classifyCorrupt(state, err)
	}
	if err != nil {
		return journal.Entry{}, err
	}
	if err := t.checkStored(c, stored); err != nil {
		return journal.Entry{}, err
	}
	t.ReportProgress(c.size)
	return t.newEntry(state, stored, d.hexSHA256()), nil
}

// maxCorruptions is how often bytes are sent again that the store did not receive as they were sent.
const maxCorruptions = 3

// sendBody sends a part of the file, and again where that may help.
func sendBody[T any](ctx context.Context, t *transfer, what string, offset int64, c content, do func(context.Context, objstore.Body) (T, error)) (T, error) {
	var result T
	var readErr error
	sendOnce := func(ctx context.Context) error {
		if err := t.Gate.Enter(ctx, c.size); err != nil {
			return err
		}
		var err error
		r := &pacedReader{ReaderAt: t.file, limiter: t.Limiter}
		result, err = withStallTimeout(ctx, func(ctx context.Context, noteProgress func()) (T, error) {
			r.ctx, r.noteProgress = ctx, noteProgress
			return do(ctx, objstore.Body{ReaderAt: r, Offset: offset, Size: c.size, Sum: c.sum})
		})
		t.Gate.Leave(c.size, err == nil)
		if why := r.readErr.Load(); err != nil && why != nil {
			readErr = *why
			return nil // To ask the store again would not help.
		}
		return err
	}
	var err error
	for range maxCorruptions {
		err = cmp.Or(t.Retry.Do(ctx, what, sendOnce), readErr)
		if objstore.ClassOf(err) != objstore.Corrupt {
			break
		}
		t.Log.Warn("the store received other bytes than the file has", "what", what, "error", err)
	}
	return result, err
}

// classifyCorrupt tells a file that has changed from a fault on the way.
func (t *transfer) classifyCorrupt(state spool.State, err error) error {
	if changed := t.checkUnchanged(state); changed != nil {
		return changed
	}
	return err
}

// checkStored checks what the store says that it has.
func (t *transfer) checkStored(c content, stored objstore.Stored) error {
	if stored.Size == c.size && (stored.Sum == c.sum || stored.Sum.Algorithm != c.sum.Algorithm || c.sum == objstore.Sum{}) {
		return nil
	}
	return &objstore.Error{
		Class: objstore.Corrupt,
		Err: fmt.Errorf("the store has %d bytes with %v of %s, and %d with %v were sent", stored.Size, stored.Sum,
			t.object.Key, c.size, c.sum),
	}
}

// adoptExisting tells the object that this very file made before, when an answer was lost, from one of somebody else. What the
// store has is what was to be stored if its bytes are the same, whoever put them there.
func (t *transfer) adoptExisting(ctx context.Context, c content, fileDigest func() (*digest, error), exists error) (objstore.Stored, error) {
	t.TakenKeys.setRefusal(t.object.Key, exists)
	if t.WriteOnly {
		return objstore.Stored{}, fmt.Errorf("%w, and may not be read: %w", ErrConflict, exists)
	}
	stored, err := t.statObject(ctx)
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
	d, err := fileDigest()
	if err != nil {
		return objstore.Stored{}, err
	}
	return stored, t.readBack(ctx, stored, d.hexSHA256(), exists)
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

func (t *transfer) statObject(ctx context.Context) (stored objstore.Stored, err error) {
	err = t.Retry.Do(ctx, "look at "+t.object.Key, func(ctx context.Context) error {
		stored, err = withStallTimeout(ctx, func(ctx context.Context, _ func()) (objstore.Stored, error) {
			return t.Store.Stat(ctx, t.object.Key)
		})
		return err
	})
	return stored, err
}
