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

// complete makes the object visible, and compares what the store has with what was sent.
func (t *transfer) complete(ctx context.Context, state spool.State) (journal.Entry, error) {
	list := make([]objstore.Part, len(t.digest.sums))
	for i, c := range t.digest.sums {
		list[i] = objstore.Part{Number: i + 1, Size: c.size, Sum: c.sum}
		have, sent := t.parts.have[i+1]
		switch {
		case t.taken(): // Nothing was sent.
		case !sent || have.Sum != c.sum || have.Size != c.size:
			return journal.Entry{}, fmt.Errorf("%w: part %d was refused", ErrChanged, i+1)
		default:
			list[i] = have
		}
	}
	whole := content{size: state.Size, sum: checksum.Combine(list)}
	stored, err := t.join(ctx, list, whole)
	if err != nil {
		return journal.Entry{}, err
	}
	// The object is visible. What follows cannot take that back, and says so if anything is wrong with it.
	if err := t.compare(whole, stored); err != nil {
		return journal.Entry{}, err
	}
	t.file.DropCache(0, 0)
	return t.described(state, stored)
}

// errUnfit is the error of an upload whose parts make other bytes than were sent: only one that begins anew can heal. A store
// that has no checksum of each part, as Google's, finds it when the upload is completed, and makes nothing visible.
var errUnfit = errors.New("the upload is unfit")

// join completes the upload, or finds that it was completed when an answer was lost.
func (t *transfer) join(ctx context.Context, list []objstore.Part, whole content) (objstore.Stored, error) {
	err := t.parts.exists
	if err == nil {
		var stored objstore.Stored
		err = t.Retry.Do(ctx, "complete "+t.object.Key, func(ctx context.Context) (err error) {
			stored, err = attempt(ctx, func(ctx context.Context, _ func()) (objstore.Stored, error) {
				return t.Store.Complete(ctx, t.object, t.id, list)
			})
			return err
		})
		if err == nil {
			if err := t.compare(whole, stored); err != nil {
				return objstore.Stored{}, err
			}
			return t.look(ctx, stored)
		}
		if objstore.ClassOf(err) == objstore.Corrupt {
			return objstore.Stored{}, fmt.Errorf("%w: %w", errUnfit, err)
		}
	}
	switch objstore.ClassOf(err) { //nolint:exhaustive // The others are errors.
	case objstore.Exists:
	case objstore.NoUpload:
		if _, statErr := t.stat(ctx); statErr != nil {
			return objstore.Stored{}, err // It is not there: the upload is lost, and begins anew.
		}
	default:
		return objstore.Stored{}, err
	}
	stored, err := t.mine(ctx, whole, t.pass, err)
	if err == nil {
		err = t.Abort(ctx, t.path) // Where another upload has made the object.
	}
	return stored, err
}

// look asks the store what it has, after it said that it has it.
func (t *transfer) look(ctx context.Context, stored objstore.Stored) (objstore.Stored, error) {
	if t.WriteOnly {
		return stored, nil
	}
	described, err := t.stat(ctx)
	if err == nil && described.Version != stored.Version {
		return stored, nil // Somebody has written a newer version since; ours is there, and is named in the manifest.
	}
	return described, err
}

// described adds the SHA-256.
func (t *transfer) described(state spool.State, stored objstore.Stored) (journal.Entry, error) {
	d, err := t.pass()
	if err != nil {
		// The object is the file as it was; the file is another now.
		t.forget()
		return journal.Entry{}, err
	}
	return t.entry(state, stored, d.sum()), nil
}

// pass is the pass over the file as it was sent. It is made anew where a part has changed since.
func (t *transfer) pass() (*digest, error) {
	if t.digest.valid {
		return t.digest, nil
	}
	return t.again()
}

// again makes the whole pass, and compares it with the parts.
func (t *transfer) again() (*digest, error) {
	d := newDigest()
	for i, c := range t.digest.sums {
		got, err := d.add(t.file, int64(i)*t.partSize, c.size, c.sum.Algorithm)
		if err != nil {
			return nil, err
		}
		if got != c {
			return nil, fmt.Errorf("%w: part %d is another", ErrChanged, i+1)
		}
	}
	return d, nil
}
