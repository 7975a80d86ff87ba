package sidecar

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lighterman.dev/lighterman/uploader/spool"
)

// runLoop is the loop. It ends when the drain has ended, or with its context.
func (s *sidecar) runLoop(ctx context.Context, drain <-chan struct{}) error {
	defer s.workers.Wait()
	defer s.stopSending()
	sweep := time.NewTicker(s.watchSpool(ctx))
	defer sweep.Stop()
	due := time.NewTimer(0)
	defer due.Stop()
	ended := make(chan error, 1)
	s.walkSpool()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-ended:
			return err
		case <-drain:
			drain = nil
			s.startDrain(ctx, ended)
		case ask := <-s.posted:
			ask()
		case <-sweep.C:
			s.walkSpool()
		case <-due.C:
		}
		if s.walkWanted && time.Since(s.lastWalk) > minWalkInterval {
			s.walkSpool()
		}
		s.recheckDue()
		s.sendQueued()
		s.notifyWaiters()
		s.renewManifest()
		due.Reset(s.untilNextStep())
	}
}

// post lets the loop run a function.
func (s *sidecar) post(fn func()) {
	select {
	case s.posted <- fn:
	case <-s.sendCtx.Done():
	}
}

// watchSpool begins to watch the spool, and gives how often it is walked besides.
func (s *sidecar) watchSpool(ctx context.Context) time.Duration {
	w, err := s.spool.Watch()
	if err != nil {
		s.Log.Warn("the spool cannot be watched; it is walked often instead", "error", err)
		return min(s.WalkInterval, 5*time.Second)
	}
	s.workers.Go(func() {
		<-s.sendCtx.Done()
		w.Close() //nolint:errcheck // Run tells.
	})
	s.workers.Go(func() {
		err := w.Run(func(e spool.Event) {
			s.post(func() {
				if e.Walk {
					s.walkWanted = true
				} else {
					s.handleEvent(e)
				}
			})
		})
		if err != nil && ctx.Err() == nil {
			s.Log.Error("the spool is no longer watched; it is walked now and then", "error", err)
		}
	})
	return s.WalkInterval
}

// handleEvent looks at a file of which something was told.
func (s *sidecar) handleEvent(e spool.Event) {
	state, err := s.spool.Stat(e.Path)
	if err != nil {
		return // It is gone, or no file: the next walk says so.
	}
	s.trackFile(e.Path, state)
	if f := s.tracked[e.Path]; f != nil {
		f.closeSeen = f.closeSeen || e.Closed
		s.considerFile(e.Path, f)
	}
}

// minWalkInterval is how often the spool is walked at the most because of new directories, of which there may be many.
const minWalkInterval = 200 * time.Millisecond

// walkSpool looks at every file of the spool.
func (s *sidecar) walkSpool() {
	defer func() { s.walkWanted, s.lastWalk = false, time.Now() }()
	found := map[string]bool{}
	s.spool.Walk(".", func(e spool.Entry) bool {
		found[e.Path] = true
		switch {
		case e.Err == nil:
			s.trackFile(e.Path, e.State)
			if f := s.tracked[e.Path]; f != nil {
				s.considerFile(e.Path, f)
			}
		case errors.Is(e.Err, spool.ErrNotRegular):
			s.recordSkipped(e.Path)
		default:
			s.trackUnreadable(e.Path, fmt.Errorf("read the directory: %w", e.Err))
		}
		return true
	})
	for path, f := range s.tracked {
		if !found[path] && !f.sending {
			delete(s.tracked, path) // It is gone, and nobody has begun to read it.
		}
	}
}

// recordSkipped notes what is no file. It is in the manifest.
func (s *sidecar) recordSkipped(path string) {
	if _, known := s.skipped[path]; !known && s.Config.Matches(path) {
		s.skipped[path] = "not a regular file"
		s.Log.Warn("not uploaded: it is no regular file", "path", path)
	}
}

// trackUnreadable notes what can never be sent as it is.
func (s *sidecar) trackUnreadable(path string, err error) {
	if f := s.tracked[path]; f != nil {
		f.err, f.permanent = err, true
		return
	}
	s.Log.Error("not uploaded", "path", path, "error", err)
	s.tracked[path] = &trackedFile{err: err, permanent: true}
}

// recheckDue looks at the files whose time has come.
func (s *sidecar) recheckDue() {
	now := time.Now()
	if now.Before(s.nextRecheck) {
		return
	}
	s.nextRecheck = now.Add(s.WalkInterval)
	for path, f := range s.tracked {
		if !f.recheckAt.IsZero() && !now.Before(f.recheckAt) {
			f.recheckAt = time.Time{}
			if state, err := s.spool.Stat(path); err == nil {
				s.trackFile(path, state)
			}
			if s.tracked[path] == f {
				s.considerFile(path, f)
			}
		}
		if !f.recheckAt.IsZero() && f.recheckAt.Before(s.nextRecheck) {
			s.nextRecheck = f.recheckAt
		}
	}
}

// recheckAfter lets a file be looked at again after a while.
func (s *sidecar) recheckAfter(f *trackedFile, after time.Duration) {
	f.recheckAt = time.Now().Add(after)
	if f.recheckAt.Before(s.nextRecheck) {
		s.nextRecheck = f.recheckAt
	}
}

// untilNextStep is when the loop is to look, without an event.
func (s *sidecar) untilNextStep() time.Duration {
	next := s.WalkInterval
	if len(s.waiters) > 0 || s.manifest.outdated {
		next = time.Second
	}
	if s.walkWanted {
		next = minWalkInterval
	}
	return max(min(next, time.Until(s.nextRecheck)), time.Millisecond)
}
