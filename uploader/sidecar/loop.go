package sidecar

import (
	"context"
	"time"

	"lighterman.dev/lighterman/uploader/manifest"
)

// loop is the state of the run. Only the goroutine of run, and the functions that were posted to it, may touch it.
type loop struct {
	*sidecar

	tracked     map[string]*trackedFile // the files that are not durable, by path
	queue       []string                // those of them that wait to be sent
	anyFailed   bool                    // a file has failed since one was sent
	openFiles   int                     // how many are being sent, without those that are followed
	nextRecheck time.Time               // the earliest recheckAt of them
	walks       *time.Ticker            // tells when the next walk is due in any case
	walkWanted  bool                    // the watch has asked for a walk
	walk        walkState
	counted     manifest.Totals   // what the run consists of, as the commit has counted it
	skipped     map[string]string // why an entry of the spool is not uploaded, by path
	undeletable map[string]bool   // durable files that could not be deleted and were logged
	// unknownOwners are the users whose files do not tell who has them open, and that were logged.
	unknownOwners map[uint32]bool
	asides        []asideFile // durable files that were moved aside, to be removed
	moreToRemove  bool        // there were too many to move aside all of them
	waiters       []*waiter
	failures      []failedAttempt // of the wrapped command, where there is one
	commit        *commit         // nil: the run has not ended
	draining      bool
	manifest      manifestState
	published     published
}

func newLoop(s *sidecar) *loop {
	return &loop{
		sidecar: s, tracked: map[string]*trackedFile{}, skipped: map[string]string{}, undeletable: map[string]bool{},
		unknownOwners: map[uint32]bool{},
	}
}

// post hands a function to the loop. It is dropped when the run has ended.
func (s *sidecar) post(fn func(*loop)) {
	select {
	case s.posted <- fn:
	case <-s.sendCtx.Done():
	}
}

// run runs the loop. It returns when the drain has ended, or ctx.
func (l *loop) run(ctx context.Context, drain <-chan struct{}) error {
	defer l.workers.Wait()
	defer l.stopSending()
	l.walks = time.NewTicker(l.WalkInterval)
	defer l.walks.Stop()
	defer l.stopWalk()
	defer l.putBackAsides()
	if files, _ := l.journal.Totals(); files == 0 && !l.commands.anySucceeded() {
		l.manifest.state = manifest.Open // No earlier process has written another.
	}
	l.watchSpool(ctx)
	next := time.NewTimer(0)
	defer next.Stop()
	ended := make(chan error, 1)
	reconnect := time.NewTimer(reconnectTime)
	defer reconnect.Stop()
	l.published.assumed = l.formerState()
	l.findFailures()
	l.walkSpool()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-ended:
			l.removeAtEnd()
			return err
		case <-drain:
			drain = nil
			l.startDrain(ctx, ended)
		case fn := <-l.posted:
			fn(l)
		case <-l.walks.C:
			l.walkIfDue(true)
		case <-l.commands.changed:
			l.findFailures()
		case <-reconnect.C:
			l.commands.loseUnconnected()
		case <-next.C:
		}
		l.walkIfDue(false)
		if l.walkHasRoom() {
			l.continueWalk()
		}
		l.recheckDue()
		l.removeAsides()
		l.stepCommit() //nolint:contextcheck // What is left over is aborted also when the run ends meanwhile.
		l.sendQueued()
		l.takeBack()
		l.renewManifest()
		next.Reset(l.untilNextStep())
	}
}

// untilNextStep returns how long the loop may wait for an event.
func (l *loop) untilNextStep() time.Duration {
	next := l.WalkInterval
	if len(l.waiters) > 0 || l.manifest.outdated || l.published.openDue != "" {
		next = time.Second
	}
	if l.walkWanted {
		next = max(minWalkInterval, walkShare*l.walk.last.took-time.Since(l.walk.endedAt))
	}
	if l.walkHasRoom() {
		next = 0
	}
	return max(min(next, time.Until(l.nextRecheck)), time.Millisecond)
}
