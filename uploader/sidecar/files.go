package sidecar

import (
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
	// recheckAt is when the loop considers it again; zero: at the next event.
	recheckAt time.Time
	// openForWriting means that a process has it open for writing, or may have, where the kernel does not say.
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
	// walk is the number of the last walk that has found it.
	walk int
	// stalled means that the file is counted among the stalled streams.
	stalled bool
	// heldBack is the state in which nothing more is done about it before the commit.
	heldBack spool.State
	// isOutput means that it is the standard output of a command, which is in no spool.
	isOutput bool
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
	if e, ok := l.journal.Recorded(uploader.Escape(path)); ok && e.State == state {
		l.dropDurable(path, e)
		return
	}
	f := l.tracked[path]
	if l.isLeftOver(state) {
		l.skipLeftOver(path)
		return
	}
	l.noteChange(path)
	delete(l.skipped, path) // It was no regular file before.
	if (f == nil || !f.sending) && l.staysInSpool(path, state) {
		delete(l.tracked, path)
		return
	}
	if f == nil {
		f = &trackedFile{walk: l.walk.number}
		l.tracked[path] = f
	}
	if f.state != state {
		f.state, f.stateSince, f.permanent = state, time.Now(), false
	}
}

// trackUnreadable tracks what cannot be uploaded, so that the drain reports it.
func (l *loop) trackUnreadable(path string, err error) {
	if f := l.tracked[path]; f != nil {
		f.err, f.permanent = err, true
		return
	}
	l.Log.Error("read spool", "path", path, "error", err)
	l.tracked[path] = &trackedFile{err: err, permanent: true, walk: l.walk.number}
}

// dropDurable no longer tracks a durable file, and removes it where that is asked for.
func (l *loop) dropDurable(path string, e journal.Recorded) {
	if f := l.tracked[path]; f != nil && !f.sending {
		delete(l.tracked, path)
	}
	l.removeUploaded(path, e)
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
		l.updateStalled(f)
		return
	}
	if remaining := l.untilSettled(f); remaining > 0 {
		l.recheckAfter(f, remaining)
		return
	}
	if l.isHeldBack(path, f) {
		return
	}
	f.queued = true
	l.queue = append(l.queue, path)
}

// stillWritten reports whether the file may still be written to. In mode Stream it begins to follow such a file. Where
// the kernel does not say who has the file open, it may be written to until the containers have ended: that a writer
// has closed it does not mean that no other has it open, nor does a rename.
func (l *loop) stillWritten(path string, f *trackedFile) bool {
	file, err := l.spool.Open(path)
	if err != nil {
		return false // Sending it returns the same error.
	}
	defer file.Close()
	writers := file.Writers()
	f.openForWriting = writers == spool.HasWriters || (writers == spool.WritersUnknown && !l.writersEnded())
	switch {
	case !f.openForWriting:
		return false
	case writers == spool.WritersUnknown:
		l.reportUnknownWriters(path, file)
		return true // The end of the containers has every file considered.
	case f.writerClosed != nil:
	case l.Config.Upload == uploader.Stream && f.state.Size >= l.sender.PartSize:
		f.writerClosed = make(chan struct{})
		l.startSending(path, f)
	}
	l.recheckAfter(f, recheckInterval)
	return true
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
