package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sync"

	"lighterman.dev/lighterman/uploader/objstore"
)

// TakenKeys remembers the keys that the store has refused because an object exists. A file that is sent again to such a
// key is compared with that object, and its content is not sent.
type TakenKeys struct {
	mu       sync.Mutex
	refusals map[string]error
}

// refusalOf returns the error with which the store has refused the key; nil: it has not.
func (t *TakenKeys) refusalOf(key string) error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.refusals[key]
}

// setRefusal remembers the error with which the store has refused the key; nil forgets it.
func (t *TakenKeys) setRefusal(key string, refusal error) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if refusal == nil {
		delete(t.refusals, key)
		return
	}
	if t.refusals == nil {
		t.refusals = map[string]error{}
	}
	t.refusals[key] = refusal
}

// canStatFirst reports whether looking at the key before writing is permitted and of use.
func (t *transfer) canStatFirst() bool { return !t.object.Overwrite && !t.WriteOnly }

// earlierRefusal returns the refusal of an earlier attempt if an object still has the key. Where that cannot be found
// out, the write decides.
func (t *transfer) earlierRefusal(ctx context.Context) error {
	refusal := t.TakenKeys.refusalOf(t.object.Key)
	if refusal == nil || !t.canStatFirst() {
		return nil
	}
	if err := t.statOnce(ctx); err != nil {
		if objstore.ClassOf(err) == objstore.NotFound {
			t.TakenKeys.setRefusal(t.object.Key, nil)
		}
		return nil
	}
	t.Log.Info("compare file with existing object", "key", t.object.Key)
	return refusal
}

// adoptExisting returns the existing object of the key if it has the content of the file; otherwise ErrConflict. An
// object with the same bytes counts as stored, whoever wrote it: mostly it is that of an earlier attempt whose answer
// was lost.
func (t *transfer) adoptExisting(
	ctx context.Context, c content, fileDigest func() (*digest, error), exists error,
) (objstore.Stored, error) {
	t.TakenKeys.setRefusal(t.object.Key, exists)
	if t.WriteOnly {
		return objstore.Stored{}, fmt.Errorf("%w, and may not be read: %w", ErrConflict, exists)
	}
	stored, err := t.statObject(ctx)
	if err != nil {
		return objstore.Stored{}, err
	}
	if stored.Size != c.size {
		return objstore.Stored{}, fmt.Errorf("%w: it has %d bytes, and the file has %d: %w",
			ErrConflict, stored.Size, c.size, exists)
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

// readBack compares the content of an object for which the store keeps no checksum.
func (t *transfer) readBack(ctx context.Context, stored objstore.Stored, sha string, exists error) error {
	return t.Retry.Do(ctx, "read "+stored.Key, func(ctx context.Context) error {
		r, err := t.Store.Open(ctx, stored.Key, stored.Version)
		if err != nil {
			return err
		}
		defer r.Close()
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

// checkStored compares the object that the store has with what was sent.
func (t *transfer) checkStored(c content, stored objstore.Stored) error {
	sameKind := stored.Sum.Algorithm == c.sum.Algorithm && c.sum != objstore.Sum{}
	if stored.Size == c.size && (stored.Sum == c.sum || !sameKind) {
		return nil
	}
	return &objstore.Error{
		Class: objstore.Corrupt,
		Err: fmt.Errorf("the store has %d bytes with %v of %s, and %d with %v were sent", stored.Size, stored.Sum,
			t.object.Key, c.size, c.sum),
	}
}

// statObject returns the object of the key, and retries.
func (t *transfer) statObject(ctx context.Context) (stored objstore.Stored, err error) {
	err = t.Retry.Do(ctx, "stat "+t.object.Key, func(ctx context.Context) error {
		stored, err = withStallTimeout(ctx, func(ctx context.Context, _ func()) (objstore.Stored, error) {
			return t.Store.Stat(ctx, t.object.Key)
		})
		return err
	})
	return stored, err
}

// statOnce returns nil if the key has an object. It does not retry.
func (t *transfer) statOnce(ctx context.Context) error {
	_, err := withStallTimeout(ctx, func(ctx context.Context, _ func()) (objstore.Stored, error) {
		return t.Store.Stat(ctx, t.object.Key)
	})
	return err
}
