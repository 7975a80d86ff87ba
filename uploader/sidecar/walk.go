package sidecar

import (
	"errors"
	"fmt"
	"iter"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/spool"
)

const (
	// maxTracked bounds the files that are tracked. A walk waits while as many are on their way.
	maxTracked = 4096
	// walkBatch is how many entries of the spool a walk considers before the loop looks after other things.
	walkBatch = 512
	// walkShare is how long the sidecar does something else after a walk, in times of the walk.
	walkShare = 19
)

// spoolWalk is a walk of the spool that goes on while there is room for the files that it finds.
type spoolWalk struct {
	next func() (spool.Entry, bool)
	stop func()
	// took is how long it was at work.
	took time.Duration
	// untracked counts the files that wait for something and for which there was no room.
	untracked int
	// skipped counts the entries that are skipped and not listed.
	skipped int
}

// walkState is the state of the walks.
type walkState struct {
	*spoolWalk // nil: none is at work

	// number counts the walks.
	number int
	// last is the last one that has come to its end, and endedAt is when.
	last    spoolWalk
	endedAt time.Time
}

// walkSpool begins to consider every file of the spool. A walk that is at work is given up.
func (l *loop) walkSpool() {
	l.stopWalk()
	l.walkWanted = false
	next, stop := iter.Pull(l.spool.Walk("."))
	l.walk.spoolWalk = &spoolWalk{next: next, stop: stop}
	l.walk.number++
	l.continueWalk()
}

// stopWalk gives up the walk that is at work.
func (l *loop) stopWalk() {
	if l.walk.spoolWalk != nil {
		l.walk.stop()
		l.walk.spoolWalk = nil
	}
}

// walkIfDue begins a walk that the watch has asked for, or whose time has come, unless one is at work. A walk of many files
// takes at most a twentieth of the time.
func (l *loop) walkIfDue(due bool) {
	l.walkWanted = l.walkWanted || due
	pause := max(minWalkInterval, walkShare*l.walk.last.took)
	if l.walkWanted && l.walk.spoolWalk == nil && time.Since(l.walk.endedAt) > pause {
		l.walkSpool()
	}
}

// walkHasRoom reports whether the walk may go on: it waits while many files that it has found are on their way.
func (l *loop) walkHasRoom() bool {
	return l.walk.spoolWalk != nil && len(l.queue)+l.openFiles < maxTracked
}

// continueWalk considers some files of the walk that is at work.
func (l *loop) continueWalk() {
	w := l.walk.spoolWalk
	begin := time.Now()
	for n := 0; n < walkBatch && l.walkHasRoom(); n++ {
		entry, ok := w.next()
		if !ok {
			w.took += time.Since(begin)
			l.endWalk()
			return
		}
		l.considerEntry(entry)
	}
	if w != nil {
		w.took += time.Since(begin)
	}
}

// endWalk ends the walk that has considered every entry.
func (l *loop) endWalk() {
	l.walk.stop()
	l.walk.last, l.walk.endedAt = *l.walk.spoolWalk, time.Now()
	l.walk.spoolWalk = nil
	if l.commit != nil {
		l.trackOutputs()
	}
	for path, f := range l.tracked {
		if f.walk != l.walk.number && !f.sending && !f.isOutput {
			delete(l.tracked, path) // The file is gone, and was not opened before.
		}
	}
	// The files for which there was no room are found by the next walk.
	l.walkWanted = l.walkWanted || l.walk.last.untracked > 0
}

// considerEntry considers an entry of the spool.
func (l *loop) considerEntry(e spool.Entry) {
	switch {
	case e.Err == nil:
		l.considerFound(e.Path, e.State)
	case errors.Is(e.Err, spool.ErrNotRegular):
		l.recordSkipped(e.Path)
	default:
		l.trackUnreadable(e.Path, fmt.Errorf("read the directory, or leave it out with spec.uploader.exclude: %w", e.Err))
	}
	if f := l.tracked[e.Path]; f != nil {
		f.walk = l.walk.number
	}
}

// considerFound considers a file that the walk has found. Where too many wait for something, the next walk finds it again.
func (l *loop) considerFound(path string, state spool.State) {
	known := l.tracked[path] != nil
	l.trackFile(path, state)
	f := l.tracked[path]
	if f == nil {
		return
	}
	l.considerFile(path, f)
	if !known && !f.queued && !f.sending && len(l.tracked) > maxTracked+len(l.queue) {
		delete(l.tracked, path)
		l.walk.untracked++
	}
}

// hasRoom reports whether a file of which an event tells can be tracked. Otherwise a walk finds it.
func (l *loop) hasRoom(path string) bool {
	if len(l.tracked) < 2*maxTracked || l.tracked[path] != nil {
		return true
	}
	l.walkWanted = true
	return false
}

// makeRoom no longer tracks a file that was not sent, where too many wait for something. The next walk finds it again.
func (l *loop) makeRoom(path string, f *trackedFile) {
	if l.tracked[path] != f || f.queued || f.sending || len(l.tracked) <= maxTracked+len(l.queue)+l.openFiles {
		return
	}
	delete(l.tracked, path)
	if l.walk.spoolWalk != nil {
		l.walk.untracked++
	} else {
		l.walk.last.untracked++
	}
}

// walkComplete reports whether a walk has found everything since the last one was begun by walkSpool, and there was room.
func (l *loop) walkComplete() bool {
	return l.walk.spoolWalk == nil && l.walk.last.untracked == 0
}

// skip records why an entry of the spool is not uploaded. Many are only counted.
func (l *loop) skip(path, reason string) {
	switch former, known := l.skipped[path]; {
	case former == reason:
		return
	case !known && len(l.skipped) >= maxSkipped:
		if l.walk.spoolWalk == nil {
			return // A walk counts it.
		}
		if l.walk.skipped++; l.walk.skipped == 1 {
			l.Log.Warn("skip entries of spool", "listed", maxSkipped, "effect", "the manifest counts the others")
		}
		return
	}
	l.skipped[path] = reason
	l.Log.Warn("skip entry of spool", "path", uploader.Escape(path), "reason", reason)
}

// moreSkipped returns the number of entries that are skipped and not listed.
func (l *loop) moreSkipped() int {
	if l.walk.spoolWalk != nil {
		return max(l.walk.skipped, l.walk.last.skipped)
	}
	return l.walk.last.skipped
}
