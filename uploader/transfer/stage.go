package transfer

import (
	"context"
	"fmt"
	"io/fs"

	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/spool"
)

// Stage sends all parts of a file and records that in the journal, but does not complete the upload: nothing becomes
// visible until Send publishes it. If writerClosed is not nil, Stage follows the growing file until writerClosed is
// closed. A file that is sent in one request is not staged: see NeedsParts. When Stage fails, the upload that it has
// begun stays in the journal, and the next call continues it.
func (s *Sender) Stage(ctx context.Context, f *spool.File, key string, writerClosed <-chan struct{}) error {
	t, known, err := s.beginTransfer(ctx, f, key, writerClosed)
	if err != nil || known != nil {
		return err
	}
	return t.runRounds(ctx, t.runStageRound)
}

// NeedsParts reports whether a file of a size is sent in parts, so that Stage can send it.
func (s *Sender) NeedsParts(size int64) bool {
	limits := s.Store.Limits()
	return size > min(choosePartSize(limits, s.PartSize, size), limits.MaxPut)
}

// runStageRound sends what differs between file and upload, and records that the upload is whole if the file did not
// change meanwhile.
func (t *transfer) runStageRound(ctx context.Context) error {
	state, err := t.beginRound(ctx)
	if err != nil {
		return err
	}
	if t.takeStaged(state) {
		return t.checkStays(state)
	}
	if t.isPutWhole(state) {
		return nil
	}
	if err := t.syncParts(ctx, state.Size); err != nil {
		return err
	}
	d, err := t.fullDigest()
	if err != nil {
		return err
	}
	if err := t.checkStays(state); err != nil || t.keyTaken() {
		return err // An object has the key: Send compares it with the file.
	}
	if _, err := t.listParts(); err != nil {
		return err
	}
	t.Journal.StageUpload(t.path, journal.Staged{State: state, SHA256: d.hexSHA256()})
	t.file.DropCache(0, 0)
	return nil
}

// checkStays returns an error if the file has changed since the beginning of the round, or was removed: a file that is
// removed before it is published is not part of the run.
func (t *transfer) checkStays(state spool.State) error {
	if err := t.checkUnchanged(state); err != nil {
		return err
	}
	if t.file.Removed() {
		return fmt.Errorf("stage %q: it was removed: %w", t.file.Path, fs.ErrNotExist)
	}
	return nil
}

// takeStaged makes the digest that of the staged file, if the file still has its state.
func (t *transfer) takeStaged(state spool.State) bool {
	staged := t.staged
	t.staged = nil // A round that fails is followed by one that reads the file.
	if staged == nil || staged.State != state {
		return false
	}
	t.digest = &digest{valid: true, knownSHA256: staged.SHA256}
	for number := range len(t.parts.stored) {
		part := t.parts.stored[number+1]
		t.digest.sums = append(t.digest.sums, content{size: part.Size, sum: part.Sum})
	}
	return true
}

// listParts returns the parts of the file in order, as the store has confirmed them; ErrChanged if it lacks one.
func (t *transfer) listParts() ([]objstore.Part, error) {
	list := make([]objstore.Part, len(t.digest.sums))
	for i, c := range t.digest.sums {
		list[i] = objstore.Part{Number: i + 1, Size: c.size, Sum: c.sum}
		have, sent := t.parts.stored[i+1]
		switch {
		case t.keyTaken(): // Nothing was sent.
		case !sent || have.Sum != c.sum || have.Size != c.size:
			return nil, fmt.Errorf("%w: part %d was refused", ErrChanged, i+1)
		default:
			list[i] = have
		}
	}
	return list, nil
}

// resendLastPart sends the last part again, once. Where parts come in order, the end of the last one may be held in the
// memory of the process that has sent it: that of a resumable upload of Google has the length of 256 KiB at most.
func (t *transfer) resendLastPart(ctx context.Context, list []objstore.Part) error {
	t.lastPartResent = true
	last := list[len(list)-1]
	put := func(ctx context.Context, body objstore.Body) (objstore.Part, error) {
		return t.Store.PutPart(ctx, t.object, t.id, last.Number, body)
	}
	request := fmt.Sprintf("put part %d of %s again", last.Number, t.object.Key)
	_, err := sendBody(ctx, t, request, t.layout.offsetOf(last.Number), content{size: last.Size, sum: last.Sum}, put)
	return err
}
