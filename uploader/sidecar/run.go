package sidecar

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lighterman.dev/lighterman/uploader/spool"
)

// run is the loop. It ends when the drain has ended, or with its context.
func (s *sidecar) run(ctx context.Context, drain <-chan struct{}) error {
	defer s.workers.Wait()
	defer s.stop()
	sweep := time.NewTicker(s.watch(ctx))
	defer sweep.Stop()
	due := time.NewTimer(0)
	defer due.Stop()
	ended := make(chan error, 1)
	s.walk()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-ended:
			return err
		case <-drain:
			drain = nil
			s.drain(ctx, ended)
		case ask := <-s.asks:
			ask()
		case <-sweep.C:
			s.walk()
		case <-due.C:
		}
		if s.wanted && time.Since(s.walked) > breath {
			s.walk()
		}
		s.lookDue()
		s.start()
		s.reach()
		s.renew()
		due.Reset(s.nextDue())
	}
}

// ask lets the loop run a function.
func (s *sidecar) ask(do func()) {
	select {
	case s.asks <- do:
	case <-s.sending.Done():
	}
}

// watch begins to watch the spool, and gives how often it is walked besides.
func (s *sidecar) watch(ctx context.Context) time.Duration {
	w, err := s.spool.Watch()
	if err != nil {
		s.Log.Warn("the spool cannot be watched; it is walked often instead", "error", err)
		return min(s.Sweep, 5*time.Second)
	}
	s.workers.Go(func() {
		<-s.sending.Done()
		w.Close() //nolint:errcheck // Run tells.
	})
	s.workers.Go(func() {
		err := w.Run(func(e spool.Event) {
			s.ask(func() {
				if e.Walk {
					s.wanted = true
				} else {
					s.event(e)
				}
			})
		})
		if err != nil && ctx.Err() == nil {
			s.Log.Error("the spool is no longer watched; it is walked now and then", "error", err)
		}
	})
	return s.Sweep
}

// event looks at a file of which something was told.
func (s *sidecar) event(e spool.Event) {
	state, err := s.spool.Stat(e.Path)
	if err != nil {
		return // It is gone, or no file: the next walk says so.
	}
	s.see(e.Path, state)
	if f := s.files[e.Path]; f != nil {
		f.closed = f.closed || e.Closed
		s.look(e.Path, f)
	}
}

// breath is how often the spool is walked at the most because of new directories, of which there may be many.
const breath = 200 * time.Millisecond

// walk looks at every file of the spool.
func (s *sidecar) walk() {
	defer func() { s.wanted, s.walked = false, time.Now() }()
	found := map[string]bool{}
	s.spool.Walk(".", func(e spool.Entry) bool {
		found[e.Path] = true
		switch {
		case e.Err == nil:
			s.see(e.Path, e.State)
			if f := s.files[e.Path]; f != nil {
				s.look(e.Path, f)
			}
		case errors.Is(e.Err, spool.ErrNotRegular):
			s.skip(e.Path)
		default:
			s.fail(e.Path, fmt.Errorf("read the directory: %w", e.Err))
		}
		return true
	})
	for path, f := range s.files {
		if !found[path] && !f.sending {
			delete(s.files, path) // It is gone, and nobody has begun to read it.
		}
	}
}

// skip notes what is no file. It is in the manifest.
func (s *sidecar) skip(path string) {
	if _, known := s.skipped[path]; !known && s.Config.Matches(path) {
		s.skipped[path] = "not a regular file"
		s.Log.Warn("not uploaded: it is no regular file", "path", path)
	}
}

// fail notes what can never be sent as it is.
func (s *sidecar) fail(path string, err error) {
	if f := s.files[path]; f != nil {
		f.err, f.final = err, true
		return
	}
	s.Log.Error("not uploaded", "path", path, "error", err)
	s.files[path] = &file{err: err, final: true}
}

// lookDue looks at the files whose time has come.
func (s *sidecar) lookDue() {
	now := time.Now()
	if now.Before(s.due) {
		return
	}
	s.due = now.Add(s.Sweep)
	for path, f := range s.files {
		if !f.due.IsZero() && !now.Before(f.due) {
			f.due = time.Time{}
			if state, err := s.spool.Stat(path); err == nil {
				s.see(path, state)
			}
			if s.files[path] == f {
				s.look(path, f)
			}
		}
		if !f.due.IsZero() && f.due.Before(s.due) {
			s.due = f.due
		}
	}
}

// later lets a file be looked at again after a while.
func (s *sidecar) later(f *file, after time.Duration) {
	f.due = time.Now().Add(after)
	if f.due.Before(s.due) {
		s.due = f.due
	}
}

// nextDue is when the loop is to look, without an event.
func (s *sidecar) nextDue() time.Duration {
	next := s.Sweep
	if len(s.goals) > 0 || s.written.dirty {
		next = time.Second
	}
	if s.wanted {
		next = breath
	}
	return max(min(next, time.Until(s.due)), time.Millisecond)
}
