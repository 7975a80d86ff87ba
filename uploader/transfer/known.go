package transfer

import (
	"context"
	"errors"
	"time"

	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/objstore"
)

// adoptKnown updates and returns the journal's entry of the file, if the file has the content that is stored at its key:
// chmod, touch and another hard link change the state of a file, and not its bytes. It returns nil where the file is to be
// sent.
func (t *transfer) adoptKnown(ctx context.Context) (*journal.Entry, error) {
	known, ok := t.Journal.Entry(t.path)
	if !ok || known.Key != t.object.Key || known.SHA256 == "" {
		return nil, nil
	}
	state, err := t.beginRound(ctx)
	if err != nil || state.Size != known.Size {
		return nil, err
	}
	d := newDigest()
	c, err := d.addPart(t.file, 0, state.Size, t.Store.Limits().Algorithm)
	if err == nil && d.hexSHA256() == known.SHA256 {
		err = t.checkUnchanged(state)
	}
	switch {
	case errors.Is(err, ErrChanged):
		return nil, nil
	case err != nil || d.hexSHA256() != known.SHA256:
		return nil, err
	}
	if stored, err := t.isStored(ctx, c); err != nil || !stored {
		return nil, err
	}
	t.file.DropCache(0, 0)
	if err := t.AbortFile(ctx, t.path); err != nil {
		return nil, err // Of an upload that an earlier content had begun.
	}
	t.Log.Info("content is stored already", "path", t.path, "key", known.Key, "size", known.Size)
	known.State, known.Modified = state, time.Unix(0, state.Modified).UTC()
	t.Journal.AddEntry(known)
	return &known, nil
}

// isStored reports whether the store still has an object of the key with this content, as far as it describes that.
func (t *transfer) isStored(ctx context.Context, c content) (bool, error) {
	if t.WriteOnly {
		return true, nil // The journal has that the store has confirmed it.
	}
	stored, err := t.statObject(ctx)
	if objstore.ClassOf(err) == objstore.NotFound {
		t.Log.Warn("send file again", "path", t.path, "key", t.object.Key, "reason", "its object is gone from the store")
		return false, nil
	}
	return err == nil && t.checkStored(c, stored) == nil, err
}
