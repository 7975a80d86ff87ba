package sidecar

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/spool"
	"lighterman.dev/lighterman/uploader/transfer"
)

// maxOpenFiles bounds how many files are read at a time. The gate of package transfer bounds what is sent at a time.
const maxOpenFiles = 32

// sendQueued sends files of the queue, up to maxOpenFiles at a time.
func (l *loop) sendQueued() {
	for len(l.queue) > 0 && l.openFiles < maxOpenFiles {
		path := l.queue[0]
		l.queue = l.queue[1:]
		f := l.tracked[path]
		if f == nil || f.sending {
			continue
		}
		f.queued = false
		l.openFiles++
		l.startSending(path, f)
	}
}

// startSending sends a file in a goroutine of its own. A file that is followed does not count as open: its sender waits
// for the writer most of the time.
func (l *loop) startSending(path string, f *trackedFile) {
	f.sending, f.closeSeen = true, false
	s, writerClosed := l.sidecar, f.writerClosed
	s.workers.Go(func() {
		entry, err := s.sendFile(s.sendCtx, path, writerClosed)
		s.post(func(l *loop) {
			if writerClosed == nil {
				l.openFiles--
			}
			f.sending, f.writerClosed, f.delayedBy = false, nil, nil
			l.handleSent(path, f, entry, err)
		})
	})
}

// sendFile sends the file at a path to its key.
func (s *sidecar) sendFile(ctx context.Context, path string, writerClosed <-chan struct{}) (journal.Entry, error) {
	key, err := s.keys.Of(path)
	if err != nil {
		return journal.Entry{}, err
	}
	f, err := s.spool.Open(path)
	if err != nil {
		return journal.Entry{}, err
	}
	defer f.Close()
	return s.sender.Send(ctx, f, key, writerClosed)
}

// reportDelay records the error of a request that is being retried; nil: the retry succeeded. A transient error does
// not replace another one: a store that refuses a request may close the connection in the middle of it.
func (s *sidecar) reportDelay(path string, err error) {
	s.post(func(l *loop) {
		f := l.tracked[path]
		if f == nil || (err != nil && f.delayedBy != nil && objstore.ClassOf(err) == objstore.Transient) {
			return
		}
		f.delayedBy = err
	})
}

// handleSent handles the result of sending a file.
func (l *loop) handleSent(path string, f *trackedFile, entry journal.Entry, err error) {
	switch {
	case err == nil:
		f.err, f.failures = nil, 0
		l.manifest.outdated = true
		l.Metrics.filesTotal.WithLabelValues("stored").Inc()
		l.Log.Info("stored", "path", entry.Path, "key", entry.Key, "size", entry.Size, "sha256", entry.SHA256,
			"version", entry.Version)
		delete(l.tracked, path)
	case errors.Is(err, fs.ErrNotExist):
		delete(l.tracked, path)
	case errors.Is(err, spool.ErrNotRegular):
		l.recordSkipped(path)
	case errors.Is(err, transfer.ErrOpenForWriting), errors.Is(err, transfer.ErrChanged),
		errors.Is(err, spool.ErrReplaced):
		l.recheckAfter(f, recheckInterval)
		f.closeSeen = true
	case l.sendCtx.Err() != nil:
		f.err = err
	default:
		l.scheduleRetry(path, f, err)
	}
	// The file may have changed while it was sent.
	if state, err := l.spool.Stat(path); err == nil && f.recheckAt.IsZero() {
		l.trackFile(path, state)
		if changed := l.tracked[path]; changed != nil {
			l.considerFile(path, changed)
		}
	}
}

// temporaryClasses are the classes of errors that may pass without a change of configuration.
var temporaryClasses = map[objstore.Class]bool{
	objstore.Transient: true, objstore.Throttled: true, objstore.Unknown: true, objstore.Expired: true,
}

// scheduleRetry decides when a file that was not stored is sent again, if at all.
func (l *loop) scheduleRetry(path string, f *trackedFile, err error) {
	f.err, f.closeSeen = err, true
	f.failures++
	f.permanent = errors.Is(err, transfer.ErrConflict) || errors.Is(err, uploader.ErrKeyTooLong)
	pause := min(5*time.Minute, 30*time.Second<<min(f.failures-1, 4))
	if len(l.waiters) > 0 {
		// A waiter has a deadline: retry soon, and only what a retry may help.
		pause = 5 * time.Second
		_, ofStore := errors.AsType[*objstore.Error](err)
		f.permanent = f.permanent || !ofStore || !temporaryClasses[objstore.ClassOf(err)]
	}
	if !f.permanent {
		l.recheckAfter(f, pause)
	}
	l.Metrics.filesTotal.WithLabelValues("failed").Inc()
	l.Log.Error("not stored", "path", path, "error", err, "class", objstore.ClassOf(err), "cure", objstore.CureOf(err),
		"retry", !f.permanent)
}
