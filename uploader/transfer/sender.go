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
	// Object gives what all objects have in common, for a key.
	Object func(key string) *objstore.Object
	// PartSize is in bytes; it grows where a file would have too many parts.
	PartSize int64
	Gate     *Gate
	// Limiter bounds the bytes per second; nil: nothing does.
	Limiter *rate.Limiter
	Retry   Retry
	// Taken remembers conflicts from one attempt to the next. Nil: each attempt sends the file again.
	Taken *Taken
	// WriteOnly means that objects cannot be read: they are not looked at after the store has confirmed them.
	WriteOnly bool
	// Progress is told of bytes that the store has taken; negative when they have to be sent again.
	Progress func(bytes int64)
	// Failing is told of what delays a file, by the path that it was opened at, and of nil when it no longer does. Nil: nobody
	// is.
	Failing func(path string, err error)
	Log     *slog.Logger
}

// ErrWriting is the error of a file that somebody has opened for writing again: it is not complete.
var ErrWriting = errors.New("the file is open for writing")

// ErrConflict is the error of a key that holds something else already.
var ErrConflict = errors.New("another object has the key")

// rounds is how often a file is read while it changes. A file that still does waits until its writer has closed it.
const rounds = 5

// Send sends a file. If growing is not nil, the file is followed until growing is closed. What it has begun stays in the
// journal when it fails, so that the next attempt goes on from there.
func (s *Sender) Send(ctx context.Context, f *spool.File, key string, growing <-chan struct{}) (journal.Entry, error) {
	t := &transfer{Sender: s.of(f.Path), file: f, path: uploader.Escape(f.Path), object: s.Object(key), digest: newDigest()}
	if err := t.prepare(ctx, growing != nil); err != nil {
		return journal.Entry{}, err
	}
	if growing != nil {
		if err := t.follow(ctx, growing); err != nil {
			return journal.Entry{}, err
		}
	}
	var err error
	unfit := 0
	for range rounds {
		var entry journal.Entry
		entry, err = t.round(ctx)
		switch {
		case err == nil:
			s.Journal.Done(entry)
			return entry, nil
		case objstore.ClassOf(err) == objstore.NoUpload:
			s.Log.Warn("the upload is gone; beginning anew", "path", t.path, "error", err)
			if err := t.giveUp(ctx); err != nil {
				return journal.Entry{}, err
			}
		case errors.Is(err, errUnfit):
			s.Log.Warn("the store received other bytes than the file has; beginning anew", "path", t.path, "error", err)
			unfit++
			if abortErr := t.giveUp(ctx); abortErr != nil || unfit == corruptions {
				return journal.Entry{}, errors.Join(err, abortErr)
			}
		case errors.Is(err, spool.ErrReplaced), errors.Is(err, ErrConflict):
			// What was begun is of no use any more.
			return journal.Entry{}, errors.Join(err, t.giveUp(ctx))
		case !errors.Is(err, ErrChanged):
			return journal.Entry{}, err
		}
	}
	return journal.Entry{}, err
}

// of is the sender for one file.
func (s *Sender) of(path string) *Sender {
	if s.Failing == nil {
		return s
	}
	own := *s
	own.Retry.Failing = func(err error) { s.Failing(path, err) }
	return &own
}

// Abort gives up the upload of a file that is in the journal, if there is one.
func (s *Sender) Abort(ctx context.Context, path string) error {
	u, ok := s.Journal.Upload(path)
	if !ok {
		return nil
	}
	if err := s.AbortUpload(ctx, u.Key, u.ID); err != nil {
		return err
	}
	s.Journal.End(path)
	return nil
}

// AbortUpload gives up an upload.
func (s *Sender) AbortUpload(ctx context.Context, key, id string) error {
	return s.Retry.Do(ctx, "abort", func(ctx context.Context) error {
		_, err := attempt(ctx, func(ctx context.Context, _ func()) (struct{}, error) {
			return struct{}{}, s.Store.Abort(ctx, s.Object(key), id)
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
	// drop keeps what was sent out of the page cache.
	drop bool
}

// round makes the object agree with the file, and makes it visible if the file did not change meanwhile.
func (t *transfer) round(ctx context.Context) (journal.Entry, error) {
	state, err := t.settle(ctx)
	if err != nil {
		return journal.Entry{}, err
	}
	if t.id == "" && len(t.digest.sums) == 0 && state.Size <= min(t.partSize, t.Store.Limits().MaxPut) {
		return t.put(ctx, state)
	}
	if err := t.agree(ctx, state.Size); err != nil {
		return journal.Entry{}, err
	}
	if err := t.unchanged(state); err != nil {
		return journal.Entry{}, err
	}
	return t.complete(ctx, state)
}

// settle waits until each later change of the file will show, and gives its state.
func (t *transfer) settle(ctx context.Context) (spool.State, error) {
	for {
		state, err := t.file.State()
		if err != nil {
			return spool.State{}, err
		}
		wait := state.Settled(time.Now())
		if wait == 0 || !sleep(ctx, wait) {
			return state, context.Cause(ctx)
		}
		// Once is enough where the clock runs behind the file's times.
		if again, err := t.file.State(); err == nil && again == state {
			return state, nil
		}
	}
}

// unchanged reports a file that is not what it was at the beginning of the round.
func (t *transfer) unchanged(state spool.State) error {
	now, err := t.file.State()
	if err != nil {
		return err
	}
	if now != state {
		return fmt.Errorf("%w: it had %d bytes, and has %d", ErrChanged, state.Size, now.Size)
	}
	if t.file.Writers() == spool.Writing {
		return ErrWriting
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

// entry is what the manifest says of the file.
func (t *transfer) entry(state spool.State, stored objstore.Stored, sha string) journal.Entry {
	return journal.Entry{State: state, File: manifest.File{
		Path: t.path, Key: t.object.Key, Size: state.Size, SHA256: sha, Checksum: stored.Sum, Version: stored.Version,
		Modified: time.Unix(0, state.Modified).UTC(), Stored: time.Now().UTC(),
	}}
}
