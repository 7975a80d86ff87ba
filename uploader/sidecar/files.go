package sidecar

import (
	"errors"
	"io/fs"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/spool"
)

// trackedFile is a file of the spool that is not durable.
type trackedFile struct {
	// state is the file's when it was last considered, and stateSince when it was first seen in that state.
	state      spool.State
	stateSince time.Time
	// closeSeen means that the watch has seen its writer close it.
	closeSeen bool
	// recheckAt is when the loop considers it again; zero: at the next event.
	recheckAt time.Time
	// openForWriting means that a process has it open for writing.
	openForWriting bool
	// queued is followed by sending.
	queued, sending bool
	// writerClosed is not nil while a growing file is followed. It is closed when the writer has closed the file.
	writerClosed chan struct{}
	// err is the error of the last attempt, failures the number of attempts. permanent means that only a change of the
	// file can help.
	err       error
	failures  int
	permanent bool
	// delayedBy is the last error of a request that is being retried.
	delayedBy error
}

const (
	// emptyFileDelay is the settle delay of an empty file: mktemp makes one for a program that fills it later.
	emptyFileDelay = time.Minute
	// recheckInterval is how soon the loop considers a file again that is open for writing or has changed.
	recheckInterval = time.Second
)

// trackFile tracks a file that is to be uploaded and is not durable.
func (l *loop) trackFile(path string, state spool.State) {
	if !l.Config.Matches(path) {
		return
	}
	if e, ok := l.journal.Entry(uploader.Escape(path)); ok && e.State == state {
		l.dropDurable(path, e)
		return
	}
	f := l.tracked[path]
	if f == nil {
		f = &trackedFile{}
		l.tracked[path] = f
	}
	if f.state != state {
		f.state, f.stateSince, f.permanent = state, time.Now(), false
	}
	delete(l.skipped, path) // It was no regular file before.
}

// trackUnreadable tracks what cannot be uploaded, so that the drain reports it.
func (l *loop) trackUnreadable(path string, err error) {
	if f := l.tracked[path]; f != nil {
		f.err, f.permanent = err, true
		return
	}
	l.Log.Error("read spool", "path", path, "error", err)
	l.tracked[path] = &trackedFile{err: err, permanent: true}
}

// dropDurable no longer tracks a durable file. With AfterUpload Delete it deletes the file if the last manifest lists
// it.
func (l *loop) dropDurable(path string, e journal.Entry) {
	if f := l.tracked[path]; f != nil && !f.sending {
		delete(l.tracked, path)
	}
	if l.Config.AfterUpload != uploader.Delete || !l.manifest.lists(e) {
		return
	}
	err := l.spool.Remove(path, e.State)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		delete(l.undeletable, path)
	} else if !l.undeletable[path] { // Each walk tries again.
		l.undeletable[path] = true
		l.Log.Warn("delete uploaded file", "path", path, "error", err)
	}
}

// considerFile decides what to do with a tracked file: send it, follow it, or look again later.
func (l *loop) considerFile(path string, f *trackedFile) {
	if f.queued || (f.sending && f.writerClosed == nil) || (f.permanent && f.err != nil) {
		return
	}
	if f.err != nil && !f.recheckAt.IsZero() {
		return // It failed a moment ago.
	}
	if uploader.IsTemporary(path) && !l.writersEnded() {
		return
	}
	if l.stillWritten(path, f) {
		return
	}
	if f.writerClosed != nil {
		close(f.writerClosed)
		f.writerClosed = nil
		return
	}
	if remaining := l.untilSettled(f); remaining > 0 {
		l.recheckAfter(f, remaining)
		return
	}
	f.queued = true
	l.queue = append(l.queue, path)
}

// stillWritten reports whether the file may still be written to. In mode Stream it begins to follow such a file.
func (l *loop) stillWritten(path string, f *trackedFile) bool {
	writers, err := l.lookUpWriters(path)
	if err != nil {
		return false // Sending it returns the same error.
	}
	f.openForWriting = writers == spool.HasWriters
	switch {
	case writers == spool.NoWriters, writers == spool.WritersUnknown && (f.closeSeen || l.writersEnded()):
		return false
	case f.writerClosed != nil:
	case f.openForWriting && l.Config.Upload == uploader.Stream && f.state.Size >= l.sender.PartSize:
		f.writerClosed = make(chan struct{})
		l.startSending(path, f)
	}
	l.recheckAfter(f, recheckInterval)
	return true
}

// lookUpWriters returns whether the file at a path has writers.
func (s *sidecar) lookUpWriters(path string) (spool.Writers, error) {
	f, err := s.spool.Open(path)
	if err != nil {
		return spool.WritersUnknown, err
	}
	defer f.Close()
	return f.Writers(), nil
}

// untilSettled returns how long a closed file must stay unchanged before it is sent.
func (l *loop) untilSettled(f *trackedFile) time.Duration {
	if l.writersEnded() {
		return 0
	}
	delay := l.SettleDelay
	if f.state.Size == 0 {
		delay = emptyFileDelay
	}
	// The file's clock may be ahead of this one, on a file server or after a step of the clock: then its time would never be over.
	unchanged := max(time.Since(time.Unix(0, f.state.Changed)), time.Since(f.stateSince))
	return delay - unchanged
}

// recheckAfter makes the loop consider a file again after some time.
func (l *loop) recheckAfter(f *trackedFile, after time.Duration) {
	f.recheckAt = time.Now().Add(after)
	if f.recheckAt.Before(l.nextRecheck) {
		l.nextRecheck = f.recheckAt
	}
}

// recheckDue considers the files whose recheckAt has come.
func (l *loop) recheckDue() {
	now := time.Now()
	if now.Before(l.nextRecheck) {
		return
	}
	l.nextRecheck = now.Add(l.WalkInterval)
	for path, f := range l.tracked {
		if !f.recheckAt.IsZero() && !now.Before(f.recheckAt) {
			f.recheckAt = time.Time{}
			if state, err := l.spool.Stat(path); err == nil {
				l.trackFile(path, state)
			}
			if l.tracked[path] == f {
				l.considerFile(path, f)
			}
		}
		if !f.recheckAt.IsZero() && f.recheckAt.Before(l.nextRecheck) {
			l.nextRecheck = f.recheckAt
		}
	}
}
