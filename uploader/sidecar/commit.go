package sidecar

import (
	"context"
	"errors"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/spool"
)

// commit publishes what the run consists of, when the writers have ended, and writes the manifest.
type commit struct {
	deadline time.Time
	// judging means that the run is being compared with what is expected of it.
	judging bool
	// writingManifest means that the manifest is being written.
	writingManifest bool
}

var (
	errAskedAgain = errors.New("the command has asked again")
	errNotFound   = errors.New("not all files of the spool were stored in time: raise spec.uploader.drainTimeoutSeconds")
	errUnnamed    = errors.New("every file is stored, but the manifest could not be written in time")
)

// holdsBack reports whether nothing becomes visible yet: with completion Wrap all wrapped commands must have ended with 0.
func (l *loop) holdsBack() bool { return l.Config.Completion == uploader.Wrap && l.commit == nil }

// writersEnded reports whether every container has ended that writes what is to be stored, so that each file is complete.
func (l *loop) writersEnded() bool { return l.commit != nil }

// drainTimeout returns how long storing what is left may take, with time for the end.
func (l *loop) drainTimeout() time.Duration {
	timeout := time.Duration(l.Config.DrainTimeoutSeconds) * time.Second
	return timeout - min(drainReserve, timeout/10)
}

// stepCommit begins the commit when each wrapped command has ended with 0, continues it, or gives it up when one begins again.
func (l *loop) stepCommit() {
	ended := l.runEnded()
	switch {
	case l.commit != nil && !ended:
		l.Log.Warn("give up commit", "reason", "a wrapped command has begun again")
		l.clearCommit()
	case l.commit == nil && ended && len(l.waiters) > 0:
		l.beginCommit()
	}
	if l.commit != nil {
		if !l.commit.judging {
			l.continueCommit()
		}
	} else {
		l.refuseHopeless()
	}
}

// runEnded reports whether the writers of the run have ended well: each wrapped command, or, without one, the pod.
func (l *loop) runEnded() bool {
	if l.commands.anyBegan() || l.Config.Completion == uploader.Wrap {
		return l.commands.allSucceeded()
	}
	return l.draining
}

// clearCommit makes requests pause as long as they did before the commit.
func (l *loop) clearCommit() {
	l.commit = nil
	l.sender.Retry.Wakeup.Hurry(time.Time{})
}

// beginCommit looks for the files that are not durable. Those that failed permanently are tried once more: the cause may have been removed
// meanwhile.
func (l *loop) beginCommit() {
	l.commit = &commit{deadline: time.Now().Add(l.drainTimeout())}
	l.sender.Retry.Wakeup.Hurry(l.commit.deadline)
	for _, f := range l.tracked {
		f.permanent, f.recheckAt = false, time.Time{}
	}
	l.forgetLeftOver()
	if !l.judgesFirst() {
		l.walkSpool()
		return
	}
	this := l.commit
	this.judging = true
	l.counted = l.countRun()
	l.checkExpect(l.counted, func(l *loop, err error) {
		switch {
		case l.commit != this: // It was given up.
		case err != nil:
			l.endCommit(err)
		default:
			this.judging = false
			l.walkSpool()
		}
	})
}

// judgesFirst reports whether the run is judged before anything of it becomes visible.
func (l *loop) judgesFirst() bool {
	return l.Config.Completion == uploader.Wrap
}

// countRun counts what the run consists of: the durable files, and those that are not. What cannot be read counts as well, for it is
// reported by itself.
func (l *loop) countRun() manifest.Totals {
	files, bytes := l.journal.Totals()
	outputs, outputBytes := l.pendingOutputs()
	files, bytes = files+outputs, bytes+outputBytes
	for e := range l.spool.Walk(".") {
		switch {
		case e.Err != nil && !errors.Is(e.Err, spool.ErrNotRegular):
			files++
		case e.Err != nil || !l.Config.Matches(e.Path) || l.isLeftOver(e.State):
		default:
			if durable, ok := l.journal.Entry(uploader.Escape(e.Path)); ok {
				files, bytes = files-1, bytes-durable.Size
			}
			files, bytes = files+1, bytes+e.State.Size
		}
	}
	return manifest.Totals{Files: files, Bytes: bytes}
}

// continueCommit writes the manifest when no file is pending, and ends the commit when it has its result.
func (l *loop) continueCommit() {
	late := time.Now().After(l.commit.deadline)
	if (l.openFiles > 0 || l.walk.spoolWalk != nil) && !late {
		return // There may be thousands of files: they are not counted each time that one is stored.
	}
	pending, allFailed := l.pendingFiles()
	if len(pending) == 0 && !l.walkComplete() && !late {
		l.walkSpool() // There was no room for all that are left.
		return
	}
	switch {
	case len(pending) == 0 && l.walkComplete() && !l.commit.writingManifest && !l.manifest.writing:
		l.writeRunManifest()
	case len(pending) == 0 && !l.walkComplete() && late:
		l.endCommit(errNotFound)
	case len(pending) == 0 && late:
		l.endCommit(errUnnamed)
	case len(pending) > 0 && allFailed:
		l.endCommit(l.describePending(pending, "not stored"))
	case len(pending) > 0 && late:
		l.endCommit(l.describePending(pending, "not stored in time"))
	}
}

// writeRunManifest writes the manifest of a run whose files are all durable.
func (l *loop) writeRunManifest() {
	this := l.commit
	this.writingManifest = true
	l.writeFinalManifest(func(l *loop, err error) {
		if l.commit == this { // It was not given up.
			l.endCommit(err)
		}
	})
}

// endCommit ends the commit with its result.
func (l *loop) endCommit(err error) {
	l.clearCommit()
	switch {
	case err == nil:
		l.published.openDue = ""
		l.abortLeftOver()
	case !errors.Is(err, errNotIndexed):
		l.published.openDue = "not everything is stored"
	}
	l.settleWaiters(err, func(*waiter) bool { return true })
}

// abortLeftOver aborts the uploads of files that are not part of the run: those of failed attempts, and those that were removed.
func (l *loop) abortLeftOver() {
	tracked := map[string]bool{}
	for path := range l.tracked {
		tracked[uploader.Escape(path)] = true
	}
	var paths []string
	for _, u := range l.journal.Uploads() {
		if !tracked[u.Path] {
			paths = append(paths, u.Path)
		}
	}
	if len(paths) == 0 {
		return
	}
	s := l.sidecar
	s.workers.Go(func() { s.abortFiles(paths) })
}

// abortFiles aborts the uploads of files, also when the run ends meanwhile.
func (s *sidecar) abortFiles(paths []string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.sendCtx), 10*time.Second)
	defer cancel()
	for _, path := range paths {
		s.Log.Info("abort upload", "path", path, "reason", "the file is not part of the run")
		if err := s.sender.AbortFile(ctx, path); err != nil {
			s.Log.Warn("abort upload", "path", path, "error", err)
		}
	}
}
