package sidecar

import (
	"errors"
	"slices"
	"time"

	"lighterman.dev/lighterman/uploader"
)

// waiter waits until every file is durable and the manifest is written: a wrapped command that has ended, or the drain.
type waiter struct {
	deadline time.Time
	// writingManifest means that the manifest for this waiter is being written.
	writingManifest bool
	// reply is called once, by the loop; nil: everything is durable.
	reply func(error)
}

// addWaiter adds a waiter. Files that failed permanently are tried once more: the cause may have been removed
// meanwhile.
func (l *loop) addWaiter(w *waiter) {
	l.waiters = append(l.waiters, w)
	for _, f := range l.tracked {
		f.permanent, f.recheckAt = false, time.Time{}
	}
	l.walkSpool()
}

// notifyWaiters writes the manifest when no file is pending, and settles the waiters that have their result.
func (l *loop) notifyWaiters() {
	late := slices.ContainsFunc(l.waiters, func(w *waiter) bool { return time.Now().After(w.deadline) })
	if len(l.waiters) == 0 || (l.openFiles > 0 && !late) {
		return // There may be thousands of files: they are not counted each time that one is stored.
	}
	pending, allFailed := l.pendingFiles()
	for _, w := range slices.Clone(l.waiters) {
		late := time.Now().After(w.deadline)
		switch {
		case len(pending) == 0 && l.commandError() != nil:
			l.settleWaiter(w, nil) // Every file is durable. Another command has failed: no manifest is written.
		case len(pending) == 0 && !w.writingManifest && !l.manifest.writing:
			w.writingManifest = true
			l.writeManifest(l.writersEnded(), func(l *loop, err error) { l.settleWaiter(w, err) })
		case len(pending) == 0 && late:
			l.settleWaiter(w, errors.New("every file is stored, but the manifest could not be written in time"))
		case len(pending) > 0 && allFailed:
			l.settleWaiter(w, l.describePending(pending, "not stored"))
		case len(pending) > 0 && late:
			l.settleWaiter(w, l.describePending(pending, "not stored in time"))
		}
	}
}

// settleWaiter removes a waiter and replies with its result.
func (l *loop) settleWaiter(w *waiter, err error) {
	if at := slices.Index(l.waiters, w); at >= 0 {
		l.waiters = slices.Delete(l.waiters, at, at+1)
		w.reply(err)
	}
}

// pendingFiles returns the paths of the files that the waiters wait for. allFailed means that no retry can help any of
// them.
func (l *loop) pendingFiles() (pending []string, allFailed bool) {
	allFailed = true
	for path, f := range l.tracked {
		if f.openForWriting && !l.writersEnded() && !f.queued {
			continue // Another container writes it.
		}
		if uploader.IsTemporary(path) && !l.writersEnded() {
			continue
		}
		pending = append(pending, path)
		allFailed = allFailed && f.permanent && !f.sending && !f.queued
	}
	return pending, allFailed
}

// writersEnded reports whether every container that writes into the spool has ended, so that each file is complete.
func (l *loop) writersEnded() bool {
	return l.draining || (len(l.waiters) > 0 && !l.anyCommandRuns())
}
