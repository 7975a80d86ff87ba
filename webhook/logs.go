package webhook

import (
	"sync"
	"sync/atomic"

	"github.com/go-logr/logr"
	"golang.org/x/time/rate"

	"lighterman.dev/lighterman/internal/message"
)

// The rate of log lines because of reviews whose sender is not known. What the API server sends is always logged: it is as
// much as pods are created.
const (
	unprovenLines = rate.Limit(10)
	unprovenBurst = 100
)

// lineLimit bounds the log lines that an unknown sender can cause.
type lineLimit struct {
	once       sync.Once
	limiter    *rate.Limiter
	suppressed atomic.Uint64
}

// logFor returns the log for a line about the review; it discards the line where there were too many.
func (l *lineLimit) logFor(log logr.Logger, req *request) logr.Logger {
	if !req.proven {
		l.once.Do(func() { l.limiter = rate.NewLimiter(unprovenLines, unprovenBurst) })
		if !l.limiter.Allow() {
			l.suppressed.Add(1)
			return logr.Discard()
		}
		if n := l.suppressed.Swap(0); n > 0 {
			log = log.WithValues("suppressed", n)
		}
	}
	return log.WithValues("uid", message.Value(req.UID), "namespace", message.Value(req.Namespace), "pod", req.podName())
}
