package transfer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"time"

	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/spool"
)

// transfer is the state of sending one file.
type transfer struct {
	*Sender

	file   *spool.File
	path   string // escaped
	object *objstore.Object
	digest *digest

	// id is empty before an upload in parts has begun.
	id     string
	layout layout
	parts  *parts
	// staged describes the file that an earlier Stage has sent; nil: none, or the file has changed since.
	staged *journal.Staged
	// lastPartResent means that completeUpload has sent the last part again.
	lastPartResent bool
	// dropCache means that what was sent is dropped from the page cache.
	dropCache bool
}

// dropCacheFrom is the size from which on a file is dropped from the page cache while it is sent.
const dropCacheFrom = 64 << 20

// prepareUpload plans the parts, or continues the upload of an earlier attempt that the journal holds.
func (t *transfer) prepareUpload(ctx context.Context, growing bool) error {
	t.parts = &parts{stored: map[int]objstore.Part{}, reported: map[int]int64{}}
	limits := t.Store.Limits()
	if u, ok := t.Journal.Upload(t.path); ok {
		if u.Key == t.object.Key {
			t.id, t.parts.stored, t.staged = u.ID, maps.Clone(u.Parts), u.Staged
			t.layout = layout{first: u.PartSize, doubleAfter: u.DoubleAfter, largest: limits.MaxPart}
			return nil
		}
		if err := t.AbortFile(ctx, t.path); err != nil {
			return err
		}
	}
	state, err := t.file.State()
	if err != nil {
		return err
	}
	t.layout = planFixed(limits, t.PartSize, state.Size)
	if growing {
		// Its final size is unknown, but no larger than its file system.
		longest, err := t.Spool.Capacity()
		if err != nil {
			return err
		}
		t.layout = planGrowing(limits, t.PartSize, longest)
	}
	// A file that was followed is read again in the end.
	t.dropCache = !growing && state.Size >= dropCacheFrom
	return nil
}

// ErrTooLarge is the error of a file that is larger than any object of the store.
var ErrTooLarge = errors.New("the file is larger than the largest object of the store")

// checkSize returns an error if the store has no object of a size.
func (t *transfer) checkSize(size int64) error {
	most := maxObject(t.Store.Limits())
	if size <= most {
		return nil
	}
	return &objstore.Error{
		Class: objstore.Invalid, Cure: "write several smaller files, or choose a store that takes larger objects",
		Err: fmt.Errorf("%w: it has %d bytes, and the store takes %d", ErrTooLarge, size, most),
	}
}

// runRounds calls round until it succeeds, or until its error does not permit another round.
func (t *transfer) runRounds(ctx context.Context, round func(context.Context) error) error {
	var err error
	unfitUploads := 0
	for range maxRounds {
		err = round(ctx)
		switch {
		case err == nil:
			return nil
		case objstore.ClassOf(err) == objstore.NoUpload:
			if err := t.restartUpload(ctx, "the store has lost it", err); err != nil {
				return err
			}
		case errors.Is(err, errUnfit):
			unfitUploads++
			abortErr := t.restartUpload(ctx, "the store received other bytes", err)
			if abortErr != nil || unfitUploads == maxCorruptions {
				return errors.Join(err, abortErr)
			}
		case errors.Is(err, spool.ErrReplaced), errors.Is(err, ErrConflict), errors.Is(err, fs.ErrNotExist),
			errors.Is(err, ErrTooLarge):
			// The upload can never be completed.
			return errors.Join(err, t.abandonUpload(ctx))
		case !errors.Is(err, ErrChanged):
			return err
		}
	}
	return err
}

// runRound sends what differs between file and upload, and publishes the object if the file did not change meanwhile.
func (t *transfer) runRound(ctx context.Context) (journal.Entry, error) {
	state, err := t.beginRound(ctx)
	if err != nil {
		return journal.Entry{}, err
	}
	if t.takeStaged(state) {
		if err := t.checkUnchanged(state); err != nil {
			return journal.Entry{}, err
		}
		return t.publishObject(ctx, state)
	}
	if t.isPutWhole(state) {
		return t.putObject(ctx, state)
	}
	if err := t.syncParts(ctx, state.Size); err != nil {
		return journal.Entry{}, err
	}
	if err := t.checkUnchanged(state); err != nil {
		return journal.Entry{}, err
	}
	return t.publishObject(ctx, state)
}

// isPutWhole reports whether the file is sent in one request.
func (t *transfer) isPutWhole(state spool.State) bool {
	return t.id == "" && len(t.digest.sums) == 0 && state.Size <= min(t.layout.first, t.Store.Limits().MaxPut)
}

// beginRound returns the state of the file that the round sends.
func (t *transfer) beginRound(ctx context.Context) (spool.State, error) {
	state, err := t.waitQuiescent(ctx)
	if err != nil {
		return spool.State{}, err
	}
	return state, t.checkSize(state.Size)
}

// waitQuiescent waits until each later change of the file will change its state, and returns that state.
func (t *transfer) waitQuiescent(ctx context.Context) (spool.State, error) {
	for {
		state, err := t.file.State()
		if err != nil {
			return spool.State{}, err
		}
		wait := state.UntilSettled(time.Now())
		if wait == 0 || !sleepContext(ctx, wait) {
			return state, context.Cause(ctx)
		}
		// Wait only once, where the clock is behind the file's times.
		if again, err := t.file.State(); err == nil && again == state {
			return state, nil
		}
	}
}

// checkUnchanged returns an error if the file has changed since the beginning of the round.
func (t *transfer) checkUnchanged(state spool.State) error {
	now, err := t.file.State()
	if err != nil {
		return err
	}
	if now != state {
		return fmt.Errorf("%w: it had %d bytes, and has %d", ErrChanged, state.Size, now.Size)
	}
	if t.file.Writers() == spool.HasWriters {
		return ErrOpenForWriting
	}
	named, err := t.Spool.Stat(t.file.Path)
	if errors.Is(err, fs.ErrNotExist) && t.file.Removed() {
		return nil // It was complete when its writer removed it: its last content is kept.
	}
	if err != nil || !named.SameFile(state) {
		return spool.ErrReplaced
	}
	return nil
}

// newEntry returns the journal's entry of the stored file.
func (t *transfer) newEntry(state spool.State, stored objstore.Stored, sha string) journal.Entry {
	return journal.Entry{State: state, File: manifest.File{
		Path: t.path, Key: t.object.Key, Size: state.Size, SHA256: sha, Checksum: stored.Sum, Version: stored.Version,
		Modified: time.Unix(0, state.Modified).UTC(), Stored: time.Now().UTC(),
	}}
}
