package transfer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"lighterman.dev/lighterman/uploader/objstore"
)

// Retry repeats requests that failed with an error that may pass.
type Retry struct {
	// Limits bound how long errors of a class are retried, from the first error on. A class that is absent is not retried.
	// Nil: DefaultLimits.
	Limits map[objstore.Class]time.Duration
	// FirstPause and LongestPause bound the back-off, which doubles and is randomized. Zero: 200 ms and 30 s.
	FirstPause, LongestPause time.Duration
	// OnThrottled is called when the store asks for fewer requests. May be nil.
	OnThrottled func()
	// ReportDelay is called with each error that is retried, and with nil when the retry succeeds. May be nil.
	ReportDelay func(error)
	// Wakeup ends pauses early. May be nil.
	Wakeup *Wakeup
	Log    *slog.Logger
}

// DefaultLimits are the limits while a pod runs. The sidecar sends the file again later; the drain bounds the whole.
var DefaultLimits = map[objstore.Class]time.Duration{
	objstore.Transient: 10 * time.Minute,
	objstore.Throttled: 30 * time.Minute,
	objstore.Unknown:   time.Minute,
	// The kubelet renews a token at 80 % of its life, and a Secret within two minutes.
	objstore.Expired: 5 * time.Minute,
	// A role that was just granted takes minutes to be known everywhere.
	objstore.Denied: 2 * time.Minute,
	// A key may be revoked before its successor arrives: the kubelet updates the volume of a Secret within two minutes.
	objstore.Unauthenticated: 3 * time.Minute,
	// A Secret of which nothing can be made may be corrected as fast. At the start of a pod nothing waits for that: see PreflightLimits.
	objstore.Misconfigured: 3 * time.Minute,
	// A proxy's list of hosts is changed by people.
	objstore.ProxyRefused: 2 * time.Minute,
	objstore.ClockSkew:    time.Minute,
}

// Do calls do until it succeeds, or its class of error is no longer retried. It returns the last error.
func (r *Retry) Do(ctx context.Context, request string, do func(context.Context) error) error {
	limits := r.limits()
	firstPause, longestPause := r.pauses()
	var failingSince time.Time
	ended := pauseOver
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		began := time.Now()
		err := do(ctx)
		if err == nil {
			r.Wakeup.recordSuccess()
			r.reportRecovered(failingSince)
			r.Log.Debug("request done", "request", request, "took", time.Since(began))
			return nil
		}
		if ctx.Err() != nil {
			return joinContextError(ctx, err)
		}
		if failingSince.IsZero() {
			failingSince = time.Now()
		}
		class := objstore.ClassOf(err)
		if class == objstore.Throttled && r.OnThrottled != nil {
			r.OnThrottled()
		}
		left := limits[class] - time.Since(failingSince)
		if left <= 0 || retryAfter(err) > left {
			return err
		}
		r.Wakeup.recordFailure()
		if ended == pauseHurried {
			pause = firstPause
		}
		// The last attempt is made when the limit is reached, not before.
		wait := r.Wakeup.shorten(min(randomPause(err, pause), left), retryAfter(err) > 0)
		r.reportDelay(err)
		r.Log.Warn("retry request", "request", request, "class", class, "in", wait.Round(time.Millisecond), "error", err)
		if ended = r.sleep(ctx, wait, err, ended); ended == pauseCancelled {
			return joinContextError(ctx, err)
		}
	}
}

// pauseEnd is why a pause has ended.
type pauseEnd int

const (
	pauseOver pauseEnd = iota
	pauseCancelled
	pauseHurried
	pauseHealed
)

// sleep waits before a request is retried that has failed with an error, and returns why the pause has ended. A pause
// that the store has asked for is not cut short. Another request's success ends at most every other pause: it does not
// mean that this one can succeed.
func (r *Retry) sleep(ctx context.Context, wait time.Duration, err error, previous pauseEnd) pauseEnd {
	hurried, healed := r.Wakeup.wakeups()
	if retryAfter(err) > 0 {
		hurried, healed = nil, nil
	}
	if previous == pauseHealed || objstore.ClassOf(err) == objstore.Throttled {
		healed = nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return pauseCancelled
	case <-timer.C:
		return pauseOver
	case <-hurried:
		return pauseHurried
	case <-healed:
		return pauseHealed
	}
}

// limits returns how long errors of each class are retried.
func (r *Retry) limits() map[objstore.Class]time.Duration {
	if r.Limits == nil {
		return DefaultLimits
	}
	return r.Limits
}

// pauses returns the first and the longest pause of the back-off.
func (r *Retry) pauses() (first, longest time.Duration) {
	if r.FirstPause == 0 {
		return 200 * time.Millisecond, 30 * time.Second
	}
	return r.FirstPause, r.LongestPause
}

// reportRecovered reports that a request has succeeded that was failing since a time; zero: it was not.
func (r *Retry) reportRecovered(failingSince time.Time) {
	if !failingSince.IsZero() {
		r.reportDelay(nil)
	}
}

func (r *Retry) reportDelay(err error) {
	if r.ReportDelay != nil {
		r.ReportDelay(err)
	}
}

// joinContextError returns the last error of a request with the reason why ctx has ended.
func joinContextError(ctx context.Context, err error) error {
	if ctx.Err() == nil || errors.Is(err, context.Cause(ctx)) {
		return err
	}
	return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
}

// randomPause returns a random pause, so that pods that failed together do not retry together. It is never shorter than
// the store asks for.
func randomPause(err error, pause time.Duration) time.Duration {
	return max(pause/2+rand.N(pause), retryAfter(err)) //nolint:gosec // It is no secret.
}

// retryAfter returns how long the store asks to wait; zero: it does not ask.
func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*objstore.Error](err); ok {
		return e.After
	}
	return 0
}

// sleepContext waits, and reports whether ctx has not ended.
func sleepContext(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
