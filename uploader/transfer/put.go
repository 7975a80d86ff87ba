package transfer

import (
	"context"
	"fmt"

	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/spool"
)

// putObject stores a small file in one request.
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

// newPut returns the function that stores the object. After a broken connection the function looks whether the object
// exists before it sends the content again: a store that refuses a write may close the connection in the middle of it,
// and a store that has stored the object refuses to store it again. Complete needs no such check: it carries no
// content.
func (t *transfer) newPut() func(context.Context, objstore.Body) (objstore.Stored, error) {
	var broken error // of the last write
	return func(ctx context.Context, body objstore.Body) (objstore.Stored, error) {
		if broken != nil && t.statOnce(ctx) == nil {
			return objstore.Stored{}, &objstore.Error{
				Class: objstore.Exists,
				Err:   fmt.Errorf("an object has the key %s after a write to it broke: %w", t.object.Key, broken),
			}
		}
		stored, err := t.Store.Put(ctx, t.object, body)
		broken = nil
		if objstore.ClassOf(err) == objstore.Transient && t.canStatFirst() {
			broken = err
		}
		return stored, err
	}
}

// classifyCorrupt returns the error of a file that has changed, or the store's own: then the fault is on the way.
func (t *transfer) classifyCorrupt(state spool.State, err error) error {
	if changed := t.checkUnchanged(state); changed != nil {
		return changed
	}
	return err
}
