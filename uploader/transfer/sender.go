package transfer

import (
	"context"
	"errors"
	"log/slog"

	"golang.org/x/time/rate"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/spool"
)

// Sender sends files. Its methods may be called at the same time.
type Sender struct {
	Store   objstore.Store
	Journal *journal.Journal
	Spool   *spool.Spool
	// NewObject returns the object of a key.
	NewObject func(key string) *objstore.Object
	// PartSize is in bytes. A file that would have too many parts has larger ones.
	PartSize int64
	Gate     *Gate
	// Limiter bounds the bytes per second; nil: no bound.
	Limiter *rate.Limiter
	Retry   Retry
	// TakenKeys remembers conflicts from one attempt to the next. Nil: each attempt sends the file again.
	TakenKeys *TakenKeys
	// WriteOnly means that objects cannot be read: they are not compared after the store has confirmed them.
	WriteOnly bool
	// ReportProgress is called with the bytes that the store has taken; negative: they are to be sent again.
	ReportProgress func(bytes int64)
	// ReportDelay is called with each error that is retried, and with nil when the retry succeeds. path is the one that
	// the file was opened at. May be nil.
	ReportDelay func(path string, err error)
	Log         *slog.Logger
}

// ErrOpenForWriting is the error of a file that a process has open for writing: the file is not complete.
var ErrOpenForWriting = errors.New("the file is open for writing")

// ErrConflict is the error of a key at which another object exists.
var ErrConflict = errors.New("another object has the key")

// maxRounds is how often Send reads a file that changes meanwhile. The sidecar then waits until its writer has closed
// it.
const maxRounds = 5

// Send sends a file. If writerClosed is not nil, Send follows the growing file until writerClosed is closed. When Send
// fails, the upload that it has begun stays in the journal, and the next call continues it.
func (s *Sender) Send(
	ctx context.Context, f *spool.File, key string, writerClosed <-chan struct{},
) (journal.Entry, error) {
	t := &transfer{
		Sender: s.forPath(f.Path), file: f, path: uploader.Escape(f.Path), object: s.NewObject(key), digest: newDigest(),
	}
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
			s.Log.Warn("restart upload", "path", t.path, "reason", "the store has lost it", "error", err)
			if err := t.abandonUpload(ctx); err != nil {
				return journal.Entry{}, err
			}
		case errors.Is(err, errUnfit):
			s.Log.Warn("restart upload", "path", t.path, "reason", "the store received other bytes", "error", err)
			unfitUploads++
			if abortErr := t.abandonUpload(ctx); abortErr != nil || unfitUploads == maxCorruptions {
				return journal.Entry{}, errors.Join(err, abortErr)
			}
		case errors.Is(err, spool.ErrReplaced), errors.Is(err, ErrConflict):
			// The upload can never be completed.
			return journal.Entry{}, errors.Join(err, t.abandonUpload(ctx))
		case !errors.Is(err, ErrChanged):
			return journal.Entry{}, err
		}
	}
	return journal.Entry{}, err
}

// forPath returns a sender whose retries report to the path.
func (s *Sender) forPath(path string) *Sender {
	if s.ReportDelay == nil {
		return s
	}
	forFile := *s
	forFile.Retry.ReportDelay = func(err error) { s.ReportDelay(path, err) }
	return &forFile
}

// AbortFile aborts the upload of a file that the journal holds, if there is one.
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

// AbortUpload aborts an upload in parts.
func (s *Sender) AbortUpload(ctx context.Context, key, id string) error {
	return s.Retry.Do(ctx, "abort", func(ctx context.Context) error {
		_, err := withStallTimeout(ctx, func(ctx context.Context, _ func()) (struct{}, error) {
			return struct{}{}, s.Store.Abort(ctx, s.NewObject(key), id)
		})
		return err
	})
}
