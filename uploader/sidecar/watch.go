package sidecar

import (
	"context"
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
	if !l.hasRoom(e.Path) {
		return
	}
	state, err := l.spool.Stat(e.Path)
	if err != nil {
		return // The file is gone, or is not regular: the next walk handles that.
	}
	l.trackFile(e.Path, state)
	if f := l.tracked[e.Path]; f != nil {
		l.considerFile(e.Path, f)
	}
}

// recordSkipped records an entry that is not a regular file, for the manifest. What was a file under that name can no longer be read.
func (l *loop) recordSkipped(path string) {
	if f := l.tracked[path]; f != nil && !f.sending {
		delete(l.tracked, path)
	}
	if l.Config.Matches(path) {
		l.skip(path, "not a regular file")
	}
}
