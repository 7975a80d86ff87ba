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
	// First and Longest bound the pauses; a pause is a random part of what the doubling gives. Zero: 200 ms and 30 s.
	First, Longest time.Duration
	// Slow is called when the store asks for fewer requests. Nil: nobody is.
	Slow func()
	// Failing is told of each error that is met by asking again, and of nil when that went well. Nil: nobody is.
	Failing func(error)
	Log     *slog.Logger
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
	limits, first, longest := r.Limits, r.First, r.Longest
	if limits == nil {
		limits = DefaultLimits
	}
	if first == 0 {
		first, longest = 200*time.Millisecond, 30*time.Second
	}
	var since time.Time
	for pause := first; ; pause = min(2*pause, longest) {
		began := time.Now()
		err := do(ctx)
		if err == nil {
			r.healed(since)
			r.Log.Debug("the store has answered", "what", what, "took", time.Since(began))
			return nil
		}
		if ctx.Err() != nil {
			return explainEnd(ctx, err)
		}
		if since.IsZero() {
			since = time.Now()
		}
		class := objstore.ClassOf(err)
		if class == objstore.Throttled && r.Slow != nil {
			r.Slow()
		}
		left := limits[class] - time.Since(since)
		if left <= 0 || after(err) > left {
			return err
		}
		// The last attempt is made when the time is over, not before.
		wait := min(pauseAfter(err, pause), left)
		r.tell(err)
		r.Log.Warn("the store failed; asking again", "what", what, "class", class, "in", wait.Round(time.Millisecond), "error", err)
		if !sleep(ctx, wait) {
			return explainEnd(ctx, err)
		}
	}
}

// healed tells that what failed since a time has gone well; zero: nothing failed.
func (r *Retry) healed(since time.Time) {
	if !since.IsZero() {
		r.tell(nil)
	}
}

func (r *Retry) tell(err error) {
	if r.Failing != nil {
		r.Failing(err)
	}
}

// explainEnd keeps the error that a deadline cut off: it says more than the deadline.
func explainEnd(ctx context.Context, err error) error {
	if ctx.Err() == nil || errors.Is(err, context.Cause(ctx)) {
		return err
	}
	return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
}

// pauseAfter is random, so that many pods that failed together do not come back together; never shorter than the store
// asks.
func pauseAfter(err error, pause time.Duration) time.Duration {
	return max(pause/2+rand.N(pause), after(err)) //nolint:gosec // It is no secret.
}

// after is how long the store asks to wait; zero: it does not say.
func after(err error) time.Duration {
	if e, ok := errors.AsType[*objstore.Error](err); ok {
		return e.After
	}
	return 0
}

func sleep(ctx context.Context, d time.Duration) bool {
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
