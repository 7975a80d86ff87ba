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

// Retry asks again when an error may heal.
type Retry struct {
	// Limits say for how long errors of a class are met by asking again, from the first error on. A class that is absent is
	// not retried. Nil: DefaultLimits.
	Limits map[objstore.Class]time.Duration
	// FirstPause and Longest bound the pauses; a pause is a random part of what the doubling gives. Zero: 200 ms and 30 s.
	FirstPause, LongestPause time.Duration
	// OnThrottled is called when the store asks for fewer requests. Nil: nobody is.
	OnThrottled func()
	// ReportDelay is told of each error that is met by asking again, and of nil when that went well. Nil: nobody is.
	ReportDelay func(error)
	Log         *slog.Logger
}

// DefaultLimits are those while a pod runs. The file is tried again later; what bounds the whole is the drain.
var DefaultLimits = map[objstore.Class]time.Duration{
	objstore.Transient: 10 * time.Minute,
	objstore.Throttled: 30 * time.Minute,
	objstore.Unknown:   time.Minute,
	// The kubelet renews a token at 80 % of its life, and a Secret within two minutes.
	objstore.Expired: 5 * time.Minute,
	// A role that was just granted takes minutes to be known everywhere.
	objstore.Denied: 2 * time.Minute,
	// A key that is revoked while its successor is on its way: the kubelet has a changed Secret in the volume within two minutes.
	objstore.Unauthenticated: 3 * time.Minute,
	objstore.ClockSkew:       time.Minute,
}

// Do runs do until it succeeds, fails for good, or its time is over. The last error is returned.
func (r *Retry) Do(ctx context.Context, what string, do func(context.Context) error) error {
	limits, firstPause, longestPause := r.Limits, r.FirstPause, r.LongestPause
	if limits == nil {
		limits = DefaultLimits
	}
	if firstPause == 0 {
		firstPause, longestPause = 200*time.Millisecond, 30*time.Second
	}
	var failingSince time.Time
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		began := time.Now()
		err := do(ctx)
		if err == nil {
			r.reportRecovered(failingSince)
			r.Log.Debug("the store has answered", "what", what, "took", time.Since(began))
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
		// The last attempt is made when the time is over, not before.
		wait := min(randomPause(err, pause), left)
		r.reportDelay(err)
		r.Log.Warn("the store failed; asking again", "what", what, "class", class, "in", wait.Round(time.Millisecond), "error", err)
		if !sleepContext(ctx, wait) {
			return joinContextError(ctx, err)
		}
	}
}

// reportRecovered tells that what failed since a time has gone well; zero: nothing failed.
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

// joinContextError keeps the error that a deadline cut off: it says more than the deadline.
func joinContextError(ctx context.Context, err error) error {
	if ctx.Err() == nil || errors.Is(err, context.Cause(ctx)) {
		return err
	}
	return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
}

// randomPause is random, so that many pods that failed together do not come back together; never shorter than the store
// asks.
func randomPause(err error, pause time.Duration) time.Duration {
	return max(pause/2+rand.N(pause), retryAfter(err)) //nolint:gosec // It is no secret.
}

// retryAfter is how long the store asks to wait; zero: it does not say.
func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*objstore.Error](err); ok {
		return e.After
	}
	return 0
}

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
