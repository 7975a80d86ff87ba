package sidecar

import (
	"context"
	"time"
)

// loop is the state of the run. Only the goroutine of run, and the functions that were posted to it, may touch it.
type loop struct {
	*sidecar

	tracked     map[string]*trackedFile   // the files that are not durable, by path
	queue       []string                  // those of them that wait to be sent
	openFiles   int                       // how many are being sent, without those that are followed
	nextRecheck time.Time                 // the earliest recheckAt of them
	walks       *time.Ticker              // tells when the next walk is due in any case
	walkWanted  bool                      // the watch has asked for a walk
	lastWalk    time.Time                 // when the last walk ended
	skipped     map[string]string         // why an entry of the spool is not uploaded, by path
	undeletable map[string]bool           // durable files that could not be deleted and were logged
	commands    map[string]wrappedCommand // the wrapped commands, by container
	waiters     []*waiter
	draining    bool
	manifest    manifestState
}

func newLoop(s *sidecar) *loop {
	return &loop{
		sidecar: s, tracked: map[string]*trackedFile{}, skipped: map[string]string{}, undeletable: map[string]bool{},
		commands: map[string]wrappedCommand{},
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
	l.watchSpool(ctx)
	next := time.NewTimer(0)
	defer next.Stop()
	ended := make(chan error, 1)
	l.walkSpool()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-ended:
			return err
		case <-drain:
			drain = nil
			l.startDrain(ctx, ended)
		case fn := <-l.posted:
			fn(l)
		case <-l.walks.C:
			l.walkSpool()
		case <-next.C:
		}
		if l.walkWanted && time.Since(l.lastWalk) > minWalkInterval {
			l.walkSpool()
		}
		l.recheckDue()
		l.sendQueued()
		l.notifyWaiters()
		l.renewManifest()
		next.Reset(l.untilNextStep())
	}
}

// untilNextStep returns how long the loop may wait for an event.
func (l *loop) untilNextStep() time.Duration {
	next := l.WalkInterval
	if len(l.waiters) > 0 || l.manifest.outdated {
		next = time.Second
	}
	if l.walkWanted {
		next = minWalkInterval
	}
	return max(min(next, time.Until(l.nextRecheck)), time.Millisecond)
}
