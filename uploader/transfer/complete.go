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

// publishObject makes the object visible, and compares what the store has with what was sent.
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
	// The object is visible. What follows cannot take that back, and says so if anything is wrong with it.
	if err := t.checkStored(whole, stored); err != nil {
		return journal.Entry{}, err
	}
	t.file.DropCache(0, 0)
	return t.entryWithDigest(state, stored)
}

// errUnfit is the error of an upload whose parts make other bytes than were sent: only one that begins anew can heal. A store
// that has no checksum of each part, as Google's, finds it when the upload is completed, and makes nothing visible.
var errUnfit = errors.New("the upload is unfit")

// completeUpload completes the upload, or finds that it was completed when an answer was lost.
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
			return objstore.Stored{}, err // It is not there: the upload is lost, and begins anew.
		}
	default:
		return objstore.Stored{}, err
	}
	stored, err := t.adoptExisting(ctx, whole, t.fullDigest, err)
	if err == nil {
		err = t.AbortFile(ctx, t.path) // Where another upload has made the object.
	}
	return stored, err
}

// statCompleted asks the store what it has, after it said that it has it.
func (t *transfer) statCompleted(ctx context.Context, stored objstore.Stored) (objstore.Stored, error) {
	if t.WriteOnly {
		return stored, nil
	}
	described, err := t.statObject(ctx)
	if err == nil && described.Version != stored.Version {
		return stored, nil // Somebody has written a newer version since; ours is there, and is named in the manifest.
	}
	return described, err
}

// entryWithDigest adds the SHA-256.
func (t *transfer) entryWithDigest(state spool.State, stored objstore.Stored) (journal.Entry, error) {
	d, err := t.fullDigest()
	if err != nil {
		// The object is the file as it was; the file is another now.
		t.resetUpload()
		return journal.Entry{}, err
	}
	return t.newEntry(state, stored, d.hexSHA256()), nil
}

// fullDigest is the pass over the file as it was sent. It is made anew where a part has changed since.
func (t *transfer) fullDigest() (*digest, error) {
	if t.digest.valid {
		return t.digest, nil
	}
	return t.rehash()
}

// rehash makes the whole pass, and compares it with the parts.
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
