package sidecar

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lighterman.dev/lighterman/uploader/spool"
)

// minWalkInterval bounds how often new directories make the loop walk the spool: there may be many.
const minWalkInterval = 200 * time.Millisecond

// unwatchedWalkInterval is how often the loop walks a spool that is not watched: nothing else finds a new file.
const unwatchedWalkInterval = 5 * time.Second

// watchSpool starts the watch, and sets how often the loop is to walk the spool besides.
func (l *loop) watchSpool(ctx context.Context) {
	s := l.sidecar
	w, err := s.spool.Watch()
	if err != nil {
		l.walkUnwatched(err)
		return
	}
	s.workers.Go(func() {
		<-s.sendCtx.Done()
		w.Close()
	})
	s.workers.Go(func() {
		err := w.Run(func(e spool.Event) { s.post(func(l *loop) { l.handleEvent(e) }) })
		if err != nil && ctx.Err() == nil {
			s.post(func(l *loop) { l.walkUnwatched(err) })
		}
	})
}

// walkUnwatched makes the loop walk the spool as often as one needs that is not watched.
func (l *loop) walkUnwatched(err error) {
	interval := min(l.WalkInterval, unwatchedWalkInterval)
	l.Log.Warn("watch spool", "error", err, "walkInterval", interval)
	l.walks.Reset(interval)
	l.walkWanted = true
}

// handleEvent considers the file of an event of the watch.
func (l *loop) handleEvent(e spool.Event) {
	if e.Walk {
		l.walkWanted = true
		return
	}
	state, err := l.spool.Stat(e.Path)
	if err != nil {
		return // The file is gone, or is not regular: the next walk handles that.
	}
	l.trackFile(e.Path, state)
	if f := l.tracked[e.Path]; f != nil {
		f.closeSeen = f.closeSeen || e.Closed
		l.considerFile(e.Path, f)
	}
}

// walkSpool considers every file of the spool.
func (l *loop) walkSpool() {
	defer func() { l.walkWanted, l.lastWalk = false, time.Now() }()
	found := map[string]bool{}
	l.spool.Walk(".", func(e spool.Entry) bool {
		found[e.Path] = true
		switch {
		case e.Err == nil:
			l.trackFile(e.Path, e.State)
			if f := l.tracked[e.Path]; f != nil {
				l.considerFile(e.Path, f)
			}
		case errors.Is(e.Err, spool.ErrNotRegular):
			l.recordSkipped(e.Path)
		default:
			l.trackUnreadable(e.Path, fmt.Errorf("read the directory, or leave it out with spec.uploader.exclude: %w", e.Err))
		}
		return true
	})
	for path, f := range l.tracked {
		if !found[path] && !f.sending {
			delete(l.tracked, path) // The file is gone, and was not opened before.
		}
	}
}

// recordSkipped records an entry that is not a regular file, for the manifest. What was a file under that name can no longer be read.
func (l *loop) recordSkipped(path string) {
	if f := l.tracked[path]; f != nil && !f.sending {
		delete(l.tracked, path)
	}
	if _, known := l.skipped[path]; !known && l.Config.Matches(path) {
		l.skipped[path] = "not a regular file"
		l.Log.Warn("skip entry of spool", "path", path, "reason", l.skipped[path])
	}
}
