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

// trackedFile is a file of the spool that is not durable.
type trackedFile struct {
	// state is what it was when it was last looked at.
	state spool.State
	// closeSeen means that its writer was seen to close it.
	closeSeen bool
	// recheckAt is when to look again; zero: when something happens.
	recheckAt time.Time
	// openForWriting means that somebody has it open for writing.
	openForWriting bool
	// queued, and then sending.
	queued, sending bool
	// writerClosed is closed when the writer of a file that is followed has closed it.
	writerClosed chan struct{}
	// err is why it could not be sent, failures how often; final: nothing but a change of the file will help.
	err       error
	failures  int
	permanent bool
	// delayedBy is what the store says at each attempt while it is being sent.
	delayedBy error
}

const (
	// maxOpenFiles is how many files are read at a time. What is sent at a time is the gate's business.
	maxOpenFiles = 32
	// emptyFileDelay is how long an empty file is left alone: mktemp makes such, for a program that fills it later.
	emptyFileDelay = time.Minute
	// recheckInterval is how soon a file is looked at again that was changing.
	recheckInterval = time.Second
)

// trackFile notes a file, unless it is durable or is not to be uploaded.
func (s *sidecar) trackFile(path string, state spool.State) {
	if !s.Config.Matches(path) {
		return
	}
	if e, ok := s.journal.Entry(uploader.Escape(path)); ok && e.State == state {
		s.dropDurable(path, e)
		return
	}
	f := s.tracked[path]
	if f == nil {
		f = &trackedFile{}
		s.tracked[path] = f
	}
	if f.state != state {
		f.state, f.permanent = state, false
	}
}

// dropDurable drops what is durable; and where that is asked, the file itself, as soon as a manifest names it.
func (s *sidecar) dropDurable(path string, e journal.Entry) {
	if f := s.tracked[path]; f != nil && !f.sending {
		delete(s.tracked, path)
	}
	if s.Config.AfterUpload != uploader.Delete || !s.manifest.lists(e) {
		return
	}
	err := s.spool.Remove(path, e.State)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		delete(s.undeletable, path)
	} else if !s.undeletable[path] { // Each walk tries again.
		s.undeletable[path] = true
		s.Log.Warn("the file is stored, and stays in the spool", "path", path, "error", err)
	}
}

// considerFile decides what is to be done with a file that is not durable.
func (s *sidecar) considerFile(path string, f *trackedFile) {
	if f.queued || (f.sending && f.writerClosed == nil) || (f.permanent && f.err != nil) {
		return
	}
	if f.err != nil && !f.recheckAt.IsZero() {
		return // It failed a moment ago.
	}
	if uploader.Temporary(path) && !s.writersEnded() {
		return
	}
	if s.stillWritten(path, f) {
		return
	}
	if f.writerClosed != nil {
		close(f.writerClosed)
		f.writerClosed = nil
		return
	}
	if remaining := s.untilSettled(f); remaining > 0 {
		s.recheckAfter(f, remaining)
		return
	}
	f.queued = true
	s.queue = append(s.queue, path)
}

// stillWritten reports whether the file is still written to, as far as anybody can tell, and follows it if that is asked.
func (s *sidecar) stillWritten(path string, f *trackedFile) bool {
	writers, err := s.lookUpWriters(path)
	if err != nil {
		return false // Sending it says why.
	}
	f.openForWriting = writers == spool.HasWriters
	switch {
	case writers == spool.NoWriters, writers == spool.WritersUnknown && (f.closeSeen || s.writersEnded()):
		return false
	case f.writerClosed != nil:
	case f.openForWriting && s.Config.Upload == uploader.Stream && f.state.Size >= s.sender.PartSize:
		f.writerClosed = make(chan struct{})
		s.startSending(path, f)
	}
	s.recheckAfter(f, recheckInterval)
	return true
}

func (s *sidecar) lookUpWriters(path string) (spool.Writers, error) {
	f, err := s.spool.Open(path)
	if err != nil {
		return spool.WritersUnknown, err
	}
	defer f.Close() //nolint:errcheck // It is only looked at.
	return f.Writers(), nil
}

// untilSettled is how long a file is left alone before it is sent.
func (s *sidecar) untilSettled(f *trackedFile) time.Duration {
	if s.writersEnded() {
		return 0
	}
	delay := s.SettleDelay
	if f.state.Size == 0 {
		delay = emptyFileDelay
	}
	return min(delay, delay-time.Since(time.Unix(0, f.state.Changed)))
}

// sendQueued sends what waits, while there are places.
func (s *sidecar) sendQueued() {
	for len(s.queue) > 0 && s.openFiles < maxOpenFiles {
		path := s.queue[0]
		s.queue = s.queue[1:]
		f := s.tracked[path]
		if f == nil || f.sending {
			continue
		}
		f.queued = false
		s.openFiles++
		s.startSending(path, f)
	}
}

// startSending sends a file in a goroutine of its own. One that is followed takes no place: it waits for its writer most of the
// time.
func (s *sidecar) startSending(path string, f *trackedFile) {
	f.sending, f.closeSeen = true, false
	writerClosed := f.writerClosed
	s.workers.Go(func() {
		entry, err := s.uploadFile(s.sendCtx, path, writerClosed)
		s.post(func() {
			if writerClosed == nil {
				s.openFiles--
			}
			f.sending, f.writerClosed, f.delayedBy = false, nil, nil
			s.handleSent(path, f, entry, err)
		})
	})
}

func (s *sidecar) uploadFile(ctx context.Context, path string, writerClosed <-chan struct{}) (journal.Entry, error) {
	key, err := s.keys.Of(path)
	if err != nil {
		return journal.Entry{}, err
	}
	f, err := s.spool.Open(path)
	if err != nil {
		return journal.Entry{}, err
	}
	defer f.Close() //nolint:errcheck // It was only read.
	return s.sender.Send(ctx, f, key, writerClosed)
}

// reportDelay notes what delays a file that is being sent. What the store has said counts for more than that a connection to it
// broke: a store that refuses a request may close the connection in the middle of it.
func (s *sidecar) reportDelay(path string, err error) {
	s.post(func() {
		f := s.tracked[path]
		if f == nil || (err != nil && f.delayedBy != nil && objstore.ClassOf(err) == objstore.Transient) {
			return
		}
		f.delayedBy = err
	})
}

// handleSent takes the result of a send.
func (s *sidecar) handleSent(path string, f *trackedFile, entry journal.Entry, err error) {
	switch {
	case err == nil:
		f.err, f.failures = nil, 0
		s.manifest.outdated = true
		s.Metrics.filesTotal.WithLabelValues("stored").Inc()
		s.Log.Info("stored", "path", entry.Path, "key", entry.Key, "size", entry.Size, "sha256", entry.SHA256, "version", entry.Version)
		delete(s.tracked, path)
	case errors.Is(err, fs.ErrNotExist):
		delete(s.tracked, path)
	case errors.Is(err, transfer.ErrOpenForWriting), errors.Is(err, transfer.ErrChanged), errors.Is(err, spool.ErrReplaced):
		s.recheckAfter(f, recheckInterval)
		f.closeSeen = true
	case s.sendCtx.Err() != nil:
		f.err = err
	default:
		s.scheduleRetry(path, f, err)
	}
	// It may have changed while it was sent.
	if state, err := s.spool.Stat(path); err == nil && f.recheckAt.IsZero() {
		s.trackFile(path, state)
		if again := s.tracked[path]; again != nil {
			s.considerFile(path, again)
		}
	}
}

// temporaryClasses are the classes of errors that may be gone later. The others need somebody to change something.
var temporaryClasses = map[objstore.Class]bool{
	objstore.Transient: true, objstore.Throttled: true, objstore.Unknown: true, objstore.Expired: true,
}

// scheduleRetry decides when a file is tried again.
func (s *sidecar) scheduleRetry(path string, f *trackedFile, err error) {
	f.err, f.closeSeen = err, true
	f.failures++
	f.permanent = errors.Is(err, transfer.ErrConflict) || errors.Is(err, uploader.ErrKeyTooLong) || errors.Is(err, spool.ErrNotRegular)
	pause := min(5*time.Minute, 30*time.Second<<min(f.failures-1, 4))
	if len(s.waiters) > 0 {
		// Somebody waits for the end: try what may help, and no more.
		pause = 5 * time.Second
		_, ofStore := errors.AsType[*objstore.Error](err)
		f.permanent = f.permanent || !ofStore || !temporaryClasses[objstore.ClassOf(err)]
	}
	if !f.permanent {
		s.recheckAfter(f, pause)
	}
	s.Metrics.filesTotal.WithLabelValues("failed").Inc()
	s.Log.Error("not stored", "path", path, "error", err, "class", objstore.ClassOf(err), "cure", objstore.CureOf(err), "again", !f.permanent)
}
