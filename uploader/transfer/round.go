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
	id       string
	partSize int64
	parts    *parts
	// dropCache means that what was sent is dropped from the page cache.
	dropCache bool
}

// dropCacheFrom is the size from which on a file is dropped from the page cache while it is sent.
const dropCacheFrom = 64 << 20

// prepareUpload chooses the part size, or continues the upload of an earlier attempt that the journal holds.
func (t *transfer) prepareUpload(ctx context.Context, growing bool) error {
	t.parts = &parts{stored: map[int]objstore.Part{}, reported: map[int]int64{}}
	if u, ok := t.Journal.Upload(t.path); ok {
		if u.Key == t.object.Key {
			t.id, t.partSize, t.parts.stored = u.ID, u.PartSize, maps.Clone(u.Parts)
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
	longest := state.Size
	if growing {
		// Its final size is unknown, but no larger than its file system.
		if longest, err = t.Spool.Capacity(); err != nil {
			return err
		}
	}
	t.partSize = choosePartSize(t.Store.Limits(), t.PartSize, longest)
	// A file that was followed is read again in the end.
	t.dropCache = !growing && state.Size >= dropCacheFrom
	return nil
}

// choosePartSize returns the size of every part but the last, for a file of a size.
func choosePartSize(l objstore.Limits, configured, size int64) int64 {
	n := max(configured, l.MinPart, (size+int64(l.MaxParts)-1)/int64(l.MaxParts))
	if l.Align > 0 {
		n = (n + l.Align - 1) / l.Align * l.Align
	}
	return min(n, l.MaxPart)
}

// runRound sends what differs between file and upload, and publishes the object if the file did not change meanwhile.
func (t *transfer) runRound(ctx context.Context) (journal.Entry, error) {
	state, err := t.waitQuiescent(ctx)
	if err != nil {
		return journal.Entry{}, err
	}
	if t.id == "" && len(t.digest.sums) == 0 && state.Size <= min(t.partSize, t.Store.Limits().MaxPut) {
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
