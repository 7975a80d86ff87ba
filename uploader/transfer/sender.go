package transfer

import (
	"context"
	"errors"
	"log/slog"

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
	// PartSize is in bytes. A file that would have too many parts has larger ones; with a growing file, parts become
	// larger the further they are from its beginning.
	PartSize int64
	Gate     *Gate
	Retry    Retry
	// TakenKeys remembers conflicts from one attempt to the next. Nil: each attempt sends the file again.
	TakenKeys *TakenKeys
	// SharedKeys means that another pod may have stored the same file at the same key: the key is looked at before content
	// is sent.
	SharedKeys bool
	// WriteOnly means that objects cannot be read: they are not compared after the store has confirmed them.
	WriteOnly bool
	// ReportProgress is called with the bytes that the store has taken; negative: they are to be sent again.
	ReportProgress func(bytes int64)
	// ReportDelay is called with each error that is retried, and with nil when the retry succeeds. path is the one that
	// the file was opened at. May be nil.
	ReportDelay func(path string, err error)
	// ReportRestart is called when an upload is begun anew, so that its parts are sent again. May be nil.
	ReportRestart func()
	Log           *slog.Logger
}

// ErrOpenForWriting is the error of a file that a process has open for writing: the file is not complete.
var ErrOpenForWriting = errors.New("the file is open for writing")

// ErrConflict is the error of a key at which another object exists.
var ErrConflict = errors.New("another object has the key")

// maxRounds is how often Send reads a file that changes meanwhile. The sidecar then waits until its writer has closed
// it.
const maxRounds = 5

// Send sends a file, and makes its object visible. If writerClosed is not nil, Send follows the growing file until
// writerClosed is closed. A file that Stage has sent and that has not changed since is not read again. When Send fails,
// the upload that it has begun stays in the journal, and the next call continues it.
func (s *Sender) Send(
	ctx context.Context, f *spool.File, key string, writerClosed <-chan struct{},
) (journal.Entry, error) {
	var entry journal.Entry
	t, known, err := s.beginTransfer(ctx, f, key, writerClosed)
	if err != nil || known != nil {
		return valueOrZero(known), err
	}
	err = t.runRounds(ctx, func(ctx context.Context) (err error) {
		entry, err = t.runRound(ctx)
		return err
	})
	if err != nil {
		return journal.Entry{}, err
	}
	s.Journal.AddEntry(entry)
	return entry, nil
}

// valueOrZero returns the entry, or the zero value for nil.
func valueOrZero(entry *journal.Entry) journal.Entry {
	if entry == nil {
		return journal.Entry{}
	}
	return *entry
}

// beginTransfer returns the transfer of a file, or the entry of one whose content is stored already, with which there is
// nothing to send. If writerClosed is not nil, it first follows the growing file.
func (s *Sender) beginTransfer(
	ctx context.Context, f *spool.File, key string, writerClosed <-chan struct{},
) (*transfer, *journal.Entry, error) {
	t := &transfer{
		Sender: s.forPath(f.Path), file: f, path: uploader.Escape(f.Path), object: s.NewObject(key), digest: newDigest(),
	}
	if writerClosed == nil {
		known, err := t.adoptKnown(ctx)
		if known != nil || err != nil {
			return nil, known, err
		}
	}
	if err := t.prepareUpload(ctx, writerClosed != nil); err != nil {
		return nil, nil, err
	}
	if writerClosed != nil {
		t.staged = nil // The file is written again.
		if err := t.followFile(ctx, writerClosed); err != nil {
			return nil, nil, err
		}
	}
	return t, nil, nil
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
		return s.Store.Abort(ctx, s.NewObject(key), id)
	})
}
