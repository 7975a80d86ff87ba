package transfer

import (
	"sync"
	"time"
)

// Wakeup ends the pauses of the requests that are being retried when there is a reason to try at once: the store has
// answered another request, or a deadline has been set. A nil Wakeup ends none.
type Wakeup struct {
	mu sync.Mutex
	// hurried and healed are closed to end pauses, and replaced.
	hurried, healed chan struct{}
	// failing means that a request has failed since the last one that succeeded.
	failing  bool
	deadline time.Time
}

// deadlineShare is the part of the time up to the deadline that a pause may take, so that several attempts fit.
// lastAttempt is the time that is kept for the last one.
const (
	deadlineShare = 4
	lastAttempt   = time.Second
)

// Hurry sets a deadline, before which pauses become shorter and one more attempt is made, and ends all pauses but those
// that the store has asked for. The zero time removes the deadline and ends none.
func (w *Wakeup) Hurry(deadline time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deadline = deadline
	if deadline.IsZero() {
		return
	}
	if w.hurried != nil {
		close(w.hurried)
	}
	w.hurried = nil
}

// wakeups returns the channels that are closed when a deadline is set, and when the store answers again.
func (w *Wakeup) wakeups() (hurried, healed <-chan struct{}) {
	if w == nil {
		return nil, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hurried == nil {
		w.hurried = make(chan struct{})
	}
	if w.healed == nil {
		w.healed = make(chan struct{})
	}
	return w.hurried, w.healed
}

// recordFailure records that a request has failed and will be retried.
func (w *Wakeup) recordFailure() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failing = true
}

// recordSuccess records that a request has succeeded. The first one after a failure ends the pauses of those that failed.
func (w *Wakeup) recordSuccess() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failing && w.healed != nil {
		close(w.healed)
		w.healed = nil
	}
	w.failing = false
}

// shorten returns a pause that leaves time before the deadline for more attempts. A pause that the store has asked for
// leaves time for one.
func (w *Wakeup) shorten(pause time.Duration, asked bool) time.Duration {
	if w == nil {
		return pause
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	left := time.Until(w.deadline)
	if w.deadline.IsZero() || left <= lastAttempt {
		return pause
	}
	most := left - lastAttempt
	if !asked {
		most = min(most, max(lastAttempt, left/deadlineShare))
	}
	return min(pause, most)
}
