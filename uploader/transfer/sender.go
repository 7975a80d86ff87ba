package transfer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"golang.org/x/time/rate"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/spool"
)

// Sender sends files. It may send several at the same time.
type Sender struct {
	Store   objstore.Store
	Journal *journal.Journal
	Spool   *spool.Spool
	// NewObject gives what all objects have in common, for a key.
	NewObject func(key string) *objstore.Object
	// PartSize is in bytes; it grows where a file would have too many parts.
	PartSize int64
	Gate     *Gate
	// Limiter bounds the bytes per second; nil: nothing does.
	Limiter *rate.Limiter
	Retry   Retry
	// TakenKeys remembers conflicts from one attempt to the next. Nil: each attempt sends the file again.
	TakenKeys *TakenKeys
	// WriteOnly means that objects cannot be read: they are not looked at after the store has confirmed them.
	WriteOnly bool
	// ReportProgress is told of bytes that the store has taken; negative when they have to be sent again.
	ReportProgress func(bytes int64)
	// ReportDelay is told of what delays a file, by the path that it was opened at, and of nil when it no longer does. Nil: nobody
	// is.
	ReportDelay func(path string, err error)
	Log         *slog.Logger
}

// ErrOpenForWriting is the error of a file that somebody has opened for writing again: it is not complete.
var ErrOpenForWriting = errors.New("the file is open for writing")

// ErrConflict is the error of a key that holds something else already.
var ErrConflict = errors.New("another object has the key")

// maxRounds is how often a file is read while it changes. A file that still does waits until its writer has closed it.
const maxRounds = 5

// Send sends a file. If growing is not nil, the file is followed until growing is closed. What it has begun stays in the
// journal when it fails, so that the next attempt goes on from there.
func (s *Sender) Send(ctx context.Context, f *spool.File, key string, writerClosed <-chan struct{}) (journal.Entry, error) {
	t := &transfer{Sender: s.forPath(f.Path), file: f, path: uploader.Escape(f.Path), object: s.NewObject(key), digest: newDigest()}
	if err := t.prepareUpload(ctx, writerClosed != nil); err != nil {
		return journal.Entry{}, err
	}
	if writerClosed != nil {
		if err := t.followFile(ctx, writerClosed); err != nil {
			return journal.Entry{}, err
		}
	}
	var err error
	unfitUploads := 0
	for range maxRounds {
		var entry journal.Entry
		entry, err = t.runRound(ctx)
		switch {
		case err == nil:
			s.Journal.AddEntry(entry)
			return entry, nil
		case objstore.ClassOf(err) == objstore.NoUpload:
			s.Log.Warn("the upload is gone; beginning anew", "path", t.path, "error", err)
			if err := t.abandonUpload(ctx); err != nil {
				return journal.Entry{}, err
			}
		case errors.Is(err, errUnfit):
			s.Log.Warn("the store received other bytes than the file has; beginning anew", "path", t.path, "error", err)
			unfitUploads++
			if abortErr := t.abandonUpload(ctx); abortErr != nil || unfitUploads == maxCorruptions {
				return journal.Entry{}, errors.Join(err, abortErr)
			}
		case errors.Is(err, spool.ErrReplaced), errors.Is(err, ErrConflict):
			// What was begun is of no use any more.
			return journal.Entry{}, errors.Join(err, t.abandonUpload(ctx))
		case !errors.Is(err, ErrChanged):
			return journal.Entry{}, err
		}
	}
	return journal.Entry{}, err
}

// forPath is the sender for one file.
func (s *Sender) forPath(path string) *Sender {
	if s.ReportDelay == nil {
		return s
	}
	forFile := *s
	forFile.Retry.ReportDelay = func(err error) { s.ReportDelay(path, err) }
	return &forFile
}

// AbortFile gives up the upload of a file that is in the journal, if there is one.
func (s *Sender) AbortFile(ctx context.Context, path string) error {
	u, ok := s.Journal.Upload(path)
	if !ok {
		return nil
	}
	if err := s.AbortUpload(ctx, u.Key, u.ID); err != nil {
		return err
	}
	s.Journal.EndUpload(path)
	return nil
}

// AbortUpload gives up an upload.
func (s *Sender) AbortUpload(ctx context.Context, key, id string) error {
	return s.Retry.Do(ctx, "abort", func(ctx context.Context) error {
		_, err := withStallTimeout(ctx, func(ctx context.Context, _ func()) (struct{}, error) {
			return struct{}{}, s.Store.Abort(ctx, s.NewObject(key), id)
		})
		return err
	})
}

// transfer is the sending of one file.
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
	// dropCache keeps what was sent out of the page cache.
	dropCache bool
}

// runRound makes the object agree with the file, and makes it visible if the file did not change meanwhile.
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

// waitQuiescent waits until each later change of the file will show, and gives its state.
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
		// Once is enough where the clock runs behind the file's times.
		if again, err := t.file.State(); err == nil && again == state {
			return state, nil
		}
	}
}

// checkUnchanged reports a file that is not what it was at the beginning of the round.
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
		return nil // Its writer has removed it, and it was complete: its last content is kept.
	}
	if err != nil || !named.SameFile(state) {
		return spool.ErrReplaced
	}
	return nil
}

// newEntry is what the manifest says of the file.
func (t *transfer) newEntry(state spool.State, stored objstore.Stored, sha string) journal.Entry {
	return journal.Entry{State: state, File: manifest.File{
		Path: t.path, Key: t.object.Key, Size: state.Size, SHA256: sha, Checksum: stored.Sum, Version: stored.Version,
		Modified: time.Unix(0, state.Modified).UTC(), Stored: time.Now().UTC(),
	}}
}
