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
	Log         *slog.Logger
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
		// The last attempt is made when the limit is reached, not before.
		wait := min(randomPause(err, pause), left)
		r.reportDelay(err)
		r.Log.Warn("retry request", "request", request, "class", class, "in", wait.Round(time.Millisecond), "error", err)
		if !sleepContext(ctx, wait) {
			return joinContextError(ctx, err)
		}
	}
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
