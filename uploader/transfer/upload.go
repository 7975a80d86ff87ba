package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

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
	if err := t.checkKeyReadable(); err != nil {
		return err
	}
	if t.parts.existsErr = t.earlierRefusal(ctx); t.keyTaken() {
		return nil
	}
	var id string
	err := t.Retry.Do(ctx, "begin "+t.object.Key, func(ctx context.Context) (err error) {
		id, err = t.Store.Begin(ctx, t.object)
		return err
	})
	switch {
	case err == nil:
		t.id = id
		t.Journal.BeginUpload(journal.Upload{
			Path: t.path, Key: t.object.Key, ID: t.id, PartSize: t.layout.first, DoubleAfter: t.layout.doubleAfter,
		})
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
	t.id, t.staged, t.lastPartResent = "", nil, false
	t.Journal.EndUpload(t.path)
	t.parts.stored = map[int]objstore.Part{}
	t.parts.existsErr = nil
}

// restartUpload makes the next round begin a new upload, for a reason, and reports that.
func (t *transfer) restartUpload(ctx context.Context, reason string, err error) error {
	t.Log.Warn("restart upload", "path", t.path, "reason", reason, "error", err)
	if t.ReportRestart != nil {
		t.ReportRestart()
	}
	return t.abandonUpload(ctx)
}

// abandonUpload aborts the upload, and makes the next round begin a new one.
func (t *transfer) abandonUpload(ctx context.Context) error {
	defer t.resetUpload()
	return t.AbortFile(ctx, t.path)
}

// publishObject completes the upload, which makes the object visible, and compares the object with what was sent.
func (t *transfer) publishObject(ctx context.Context, state spool.State) (journal.Entry, error) {
	list, err := t.listParts()
	if err != nil {
		return journal.Entry{}, err
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
		stored, err = t.complete(ctx, list)
		if objstore.ClassOf(err) == objstore.NoUpload && t.Store.Limits().Sequential && !t.lastPartResent &&
			t.resendLastPart(ctx, list) == nil {
			stored, err = t.complete(ctx, list)
		}
		if err == nil {
			if err := t.checkStored(whole, stored); err != nil {
				return objstore.Stored{}, err
			}
			return t.statCompleted(ctx, whole, stored)
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

// complete asks the store to complete the upload, with retries.
func (t *transfer) complete(ctx context.Context, list []objstore.Part) (stored objstore.Stored, err error) {
	err = t.Retry.Do(ctx, "complete "+t.object.Key, func(ctx context.Context) (err error) {
		if err := t.checkKeyFree(ctx); err != nil {
			return err
		}
		stored, err = t.Store.Complete(ctx, t.object, t.id, list)
		return err
	})
	return stored, err
}

// replacesObjects reports whether the store would complete an upload over an object that must not be replaced.
func (t *transfer) replacesObjects() bool {
	return !t.object.Overwrite && t.Store.Limits().UnconditionalComplete
}

// checkKeyReadable returns an error if an object of the key cannot be looked for and the store would replace it.
func (t *transfer) checkKeyReadable() error {
	if !t.WriteOnly || !t.replacesObjects() {
		return nil
	}
	return &objstore.Error{
		Class: objstore.Invalid,
		Cure:  "give the identity leave to read, set spec.uploader.overwrite, or use the store's own API (a profile of gcs)",
		Err: fmt.Errorf("%s: the store would replace an object of this key, and the identity may not look for one",
			t.object.Key),
	}
}

// checkKeyFree returns an error of class Exists if an object has the key and the store would replace it. An object that
// another writes between this look and Complete is replaced all the same.
func (t *transfer) checkKeyFree(ctx context.Context) error {
	if !t.replacesObjects() {
		return nil
	}
	switch _, err := t.Store.Stat(ctx, t.object.Key); {
	case err == nil:
		return &objstore.Error{Class: objstore.Exists, Err: fmt.Errorf("an object has the key %s", t.object.Key)}
	case objstore.ClassOf(err) != objstore.NotFound:
		return err
	}
	return nil
}

// lateLimit bounds how long a store may describe a key as it was before a write that it has confirmed.
const lateLimit = 15 * time.Second

// statCompleted returns the object that the store has confirmed, as the store describes it. A store may know the object a
// moment later than it confirms it, and until then have none of the key, or the former one.
func (t *transfer) statCompleted(ctx context.Context, whole content, stored objstore.Stored) (objstore.Stored, error) {
	if t.WriteOnly {
		return stored, nil
	}
	var described objstore.Stored
	var differs error
	retry := t.Retry
	retry.Limits = maps.Clone(retry.limits())
	retry.Limits[objstore.NotFound] = lateLimit
	err := retry.Do(ctx, "stat "+t.object.Key, func(ctx context.Context) (err error) {
		described, err = t.Store.Stat(ctx, t.object.Key)
		differs = nil
		if err != nil || described.Version != stored.Version {
			return err
		}
		if differs = t.checkStored(whole, described); differs != nil {
			return &objstore.Error{Class: objstore.NotFound, Err: differs}
		}
		return nil
	})
	if err == nil && described.Version != stored.Version {
		return stored, nil // A newer version was written since. The manifest names the version of this upload.
	}
	return described, cmp.Or(differs, err)
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
		got, err := d.addPart(t.file, t.layout.offsetOf(i+1), c.size, c.sum.Algorithm)
		if err != nil {
			return nil, err
		}
		if got != c {
			return nil, fmt.Errorf("%w: part %d is another", ErrChanged, i+1)
		}
	}
	return d, nil
}
