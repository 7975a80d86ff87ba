package sidecar

import (
	"slices"
)

// waiter waits until the run is complete: a wrapped command that has ended with 0, or the drain.
type waiter struct {
	// container is that of the command; empty: the drain waits.
	container string
	// ending means that the pod ends: no container of it starts again.
	ending bool
	// reply is called once, by the loop; nil: everything is durable, and the manifest says so.
	reply func(error)
}

// addWaiter adds a waiter. It takes the place of the container's earlier one: the answer to that is not read.
func (l *loop) addWaiter(w *waiter) {
	l.waiters = slices.DeleteFunc(l.waiters, func(other *waiter) bool {
		if other.container != w.container {
			return false
		}
		other.reply(errAskedAgain)
		return true
	})
	l.waiters = append(l.waiters, w)
}

// settleWaiters replies to the waiters that a condition selects.
func (l *loop) settleWaiters(err error, selects func(*waiter) bool) {
	var settled []*waiter
	l.waiters = slices.DeleteFunc(l.waiters, func(w *waiter) bool {
		if !selects(w) {
			return false
		}
		settled = append(settled, w)
		return true
	})
	for _, w := range settled {
		w.reply(err)
	}
}

// refuseHopeless replies to the commands that wait for one that has failed and will not begin again, or that the end of the pod keeps from
// beginning at all.
func (l *loop) refuseHopeless() {
	if len(l.waiters) == 0 {
		return
	}
	if err := l.commands.failure(); err != nil {
		l.settleWaiters(err, func(w *waiter) bool { return !l.Config.Restarts || w.ending })
	}
	if err := l.commands.absence(); err != nil {
		l.settleWaiters(err, func(w *waiter) bool { return w.ending })
	}
}
