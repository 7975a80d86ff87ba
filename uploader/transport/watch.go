package transport

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// StallError is the error of a request that was ended because it made no progress.
type StallError struct{ text string }

func (e *StallError) Error() string { return e.text }

// phase is how far a request has come. It only grows.
type phase int32

const (
	sending   phase = iota // from the search for a connection to the last byte of the request
	waiting                // for the answer's header
	receiving              // the answer's body
)

const (
	// ticksPerStall is how often a request is looked at within the longest time without a byte.
	ticksPerStall = 8
	// windowStalls is the time, in longest times without a byte, in which minPace must be kept.
	windowStalls = 5
	// minPace is the least pace of a file's content, in bytes per second: a connection that moves less is of no use.
	minPace = 256
)

// watch ends a request that makes no progress. Progress is a byte that the connection of the request reads or writes. The time in
// which the request waits for something of its own, a disk or the limiter, does not count. All methods may be called on nil.
type watch struct {
	stall  time.Duration
	cancel context.CancelCauseFunc
	// moved counts bytes, local what the request waits for itself.
	moved atomic.Int64
	local atomic.Int32
	phase atomic.Int32
	wire  atomic.Pointer[wire]
	fired atomic.Pointer[StallError]

	mu     sync.Mutex // guards what follows
	bounds bounds
	timer  *time.Timer
	ended  bool
	// last is the state at the last look.
	last struct {
		at    time.Time
		phase phase
		moved int64
	}
	// movedAt is the time of the last progress, windowAt and windowMoved the state at the beginning of the window.
	movedAt, windowAt time.Time
	windowMoved       int64
	// answering is for how long the answer has been waited for and received.
	answering time.Duration
}

// startWatch begins to watch a request. cancel ends it.
func startWatch(stall time.Duration, b bounds, cancel context.CancelCauseFunc) *watch {
	w := &watch{stall: stall, bounds: b, cancel: cancel}
	now := time.Now()
	w.last.at, w.movedAt, w.windowAt = now, now, now
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(stall/ticksPerStall, w.look)
	return w
}

// setBounds replaces the bounds of the answer.
func (w *watch) setBounds(b bounds) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bounds = b
}

// attach makes the watch count what passes on a wire.
func (w *watch) attach(c *wire) {
	if c == nil {
		return
	}
	w.wire.Store(c)
	c.watch.Store(w)
}

// enter notes that the request has reached a phase.
func (w *watch) enter(p phase) {
	for {
		now := w.phase.Load()
		if now >= int32(p) || w.phase.CompareAndSwap(now, int32(p)) {
			return
		}
	}
}

func (w *watch) noteProgress(n int) {
	if w != nil && n > 0 {
		w.moved.Add(int64(n))
	}
}

// pause notes that the request waits for something of its own, until resume is called.
func (w *watch) pause() (resume func()) {
	if w == nil {
		return func() {}
	}
	w.local.Add(1)
	return func() { w.local.Add(-1) }
}

// end ends the watch.
func (w *watch) end() {
	if c := w.wire.Load(); c != nil {
		c.watch.CompareAndSwap(w, nil)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.timer.Stop()
	w.cancel(nil)
}

// why returns the error of the watch where it has ended the request, else err.
func (w *watch) why(err error) error {
	if stalled := w.fired.Load(); stalled != nil && err != nil {
		return stalled
	}
	return err
}

// look ends the request if it has made no progress, or looks again.
func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	if text := w.judge(time.Now()); text != "" {
		err := &StallError{text}
		w.fired.Store(err)
		w.cancel(err)
		return
	}
	w.timer.Reset(w.stall / ticksPerStall)
}

// judge returns why the request must end; empty: it may go on.
func (w *watch) judge(now time.Time) string {
	at, moved, since := phase(w.phase.Load()), w.moved.Load(), now.Sub(w.last.at)
	idle := w.local.Load() > 0
	if idle || at != w.last.phase {
		w.movedAt, w.windowAt, w.windowMoved = now, now, moved
	}
	if moved != w.last.moved {
		w.movedAt = now
	}
	if !idle && w.last.phase >= waiting {
		w.answering += since
	}
	w.last.at, w.last.phase, w.last.moved = now, at, moved
	longest := w.stall
	if at >= waiting {
		longest = max(w.stall, w.bounds.idle)
	}
	if at == receiving && w.bounds.size == 0 {
		longest = w.stall
	}
	window := windowStalls * w.stall
	switch {
	case now.Sub(w.movedAt) >= longest:
		return fmt.Sprintf("the server has taken and sent nothing for %v", longest)
	case w.bounds.total > 0 && w.answering >= w.bounds.total:
		return fmt.Sprintf("the server has not come to the end of its answer within %v", w.bounds.total)
	case at == waiting || at == receiving && w.bounds.size > 0 || now.Sub(w.windowAt) < window:
		return ""
	case moved-w.windowMoved < int64(minPace*window.Seconds()):
		return fmt.Sprintf("the server has taken and sent only %d bytes in %v", moved-w.windowMoved, window)
	}
	w.windowAt, w.windowMoved = now, moved
	return ""
}
