package transfer

import (
	"context"
	"errors"
	"fmt"

	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/spool"
)

// beginUpload begins the upload in parts, unless it has begun or the key is taken.
func (t *transfer) beginUpload(ctx context.Context) error {
	if t.id != "" || t.keyTaken() {
		return nil
	}
	if t.parts.existsErr = t.earlierRefusal(ctx); t.keyTaken() {
		return nil
	}
	var id string
	err := t.Retry.Do(ctx, "begin "+t.object.Key, func(ctx context.Context) (err error) {
		id, err = withStallTimeout(ctx, func(ctx context.Context, _ func()) (string, error) {
			return t.Store.Begin(ctx, t.object)
		})
		return err
	})
	switch {
	case err == nil:
		t.id = id
		t.Journal.BeginUpload(journal.Upload{Path: t.path, Key: t.object.Key, ID: t.id, PartSize: t.partSize})
	case objstore.ClassOf(err) == objstore.Exists:
		t.Log.Warn("compare file with existing object", "key", t.object.Key)
		t.parts.existsErr, err = err, nil
	}
	return err
}

// keyTaken reports whether the store has refused the key before anything was sent.
func (t *transfer) keyTaken() bool { return t.parts.existsErr != nil }

// resetUpload makes the next round begin a new upload.
func (t *transfer) resetUpload() {
	t.id = ""
	t.Journal.EndUpload(t.path)
	t.parts.stored = map[int]objstore.Part{}
	t.parts.existsErr = nil
}

// abandonUpload aborts the upload, and makes the next round begin a new one.
func (t *transfer) abandonUpload(ctx context.Context) error {
	defer t.resetUpload()
	return t.AbortFile(ctx, t.path)
}

// publishObject completes the upload, which makes the object visible, and compares the object with what was sent.
func (t *transfer) publishObject(ctx context.Context, state spool.State) (journal.Entry, error) {
	list := make([]objstore.Part, len(t.digest.sums))
	for i, c := range t.digest.sums {
		list[i] = objstore.Part{Number: i + 1, Size: c.size, Sum: c.sum}
		have, sent := t.parts.stored[i+1]
		switch {
		case t.keyTaken(): // Nothing was sent.
		case !sent || have.Sum != c.sum || have.Size != c.size:
			return journal.Entry{}, fmt.Errorf("%w: part %d was refused", ErrChanged, i+1)
		default:
			list[i] = have
		}
	}
	whole := content{size: state.Size, sum: checksum.Combine(list)}
	stored, err := t.completeUpload(ctx, list, whole)
	if err != nil {
		return journal.Entry{}, err
	}
	// The object is visible. What follows cannot undo that, but returns an error if the object is wrong.
	if err := t.checkStored(whole, stored); err != nil {
		return journal.Entry{}, err
	}
	t.file.DropCache(0, 0)
	return t.entryWithDigest(state, stored)
}

// errUnfit is the error of an upload whose parts do not make up what was sent: only a new upload can succeed. A store
// without a checksum of each part, as Google's, finds that when the upload is completed, and makes nothing visible.
var errUnfit = errors.New("the upload is unfit")

// completeUpload completes the upload. Where the answer of an earlier attempt was lost, it finds the object.
func (t *transfer) completeUpload(ctx context.Context, list []objstore.Part, whole content) (objstore.Stored, error) {
	err := t.parts.existsErr
	if err == nil {
		var stored objstore.Stored
		err = t.Retry.Do(ctx, "complete "+t.object.Key, func(ctx context.Context) (err error) {
			stored, err = withStallTimeout(ctx, func(ctx context.Context, _ func()) (objstore.Stored, error) {
				return t.Store.Complete(ctx, t.object, t.id, list)
			})
			return err
		})
		if err == nil {
			if err := t.checkStored(whole, stored); err != nil {
				return objstore.Stored{}, err
			}
			return t.statCompleted(ctx, stored)
		}
		if objstore.ClassOf(err) == objstore.Corrupt {
			return objstore.Stored{}, fmt.Errorf("%w: %w", errUnfit, err)
		}
	}
	switch objstore.ClassOf(err) { //nolint:exhaustive // The others are errors.
	case objstore.Exists:
	case objstore.NoUpload:
		if _, statErr := t.statObject(ctx); statErr != nil {
			return objstore.Stored{}, err // There is no object: the upload is lost, and is begun again.
		}
	default:
		return objstore.Stored{}, err
	}
	stored, err := t.adoptExisting(ctx, whole, t.fullDigest, err)
	if err == nil {
		err = t.AbortFile(ctx, t.path) // Another upload may have made the object.
	}
	return stored, err
}

// statCompleted returns the object that the store has confirmed, as the store describes it.
func (t *transfer) statCompleted(ctx context.Context, stored objstore.Stored) (objstore.Stored, error) {
	if t.WriteOnly {
		return stored, nil
	}
	described, err := t.statObject(ctx)
	if err == nil && described.Version != stored.Version {
		return stored, nil // A newer version was written since. The manifest names the version of this upload.
	}
	return described, err
}

// entryWithDigest returns the journal's entry with the SHA-256 of the file.
func (t *transfer) entryWithDigest(state spool.State, stored objstore.Stored) (journal.Entry, error) {
	d, err := t.fullDigest()
	if err != nil {
		// The object is the file as it was before it changed.
		t.resetUpload()
		return journal.Entry{}, err
	}
	return t.newEntry(state, stored, d.hexSHA256()), nil
}

// fullDigest returns the digest of the file as it was sent. It hashes the file again where a part has changed since.
func (t *transfer) fullDigest() (*digest, error) {
	if t.digest.valid {
		return t.digest, nil
	}
	return t.rehash()
}

// rehash reads the whole file, and returns an error if a part differs from what was sent.
func (t *transfer) rehash() (*digest, error) {
	d := newDigest()
	for i, c := range t.digest.sums {
		got, err := d.addPart(t.file, int64(i)*t.partSize, c.size, c.sum.Algorithm)
		if err != nil {
			return nil, err
		}
		if got != c {
			return nil, fmt.Errorf("%w: part %d is another", ErrChanged, i+1)
		}
	}
	return d, nil
}
