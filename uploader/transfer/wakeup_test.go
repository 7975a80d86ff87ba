package transfer_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transfer"
)

// attempts are the times at which a request was tried, from the beginning on.
type attempts struct {
	began time.Time
	at    []time.Duration
	done  chan error
}

// mustFail waits for the error of a request that never heals.
func (a *attempts) mustFail(t *testing.T) {
	t.Helper()
	if err := <-a.done; objstore.ClassOf(err) != objstore.Transient {
		t.Errorf("got %v", err)
	}
}

// try retries a request that fails as fault says.
func try(ctx context.Context, t *testing.T, r *transfer.Retry, fault func(time.Duration) error) *attempts {
	t.Helper()
	a := &attempts{began: time.Now(), done: make(chan error, 1)}
	go func() {
		a.done <- r.Do(ctx, "x", func(context.Context) error {
			a.at = append(a.at, time.Since(a.began))
			return fault(time.Since(a.began))
		})
	}()
	return a
}

func transient(time.Duration) error { return fail(objstore.Transient)() }

// transientUntil is a fault that heals.
func transientUntil(heals time.Duration) func(time.Duration) error {
	return func(since time.Duration) error {
		if since < heals {
			return fail(objstore.Transient)()
		}
		return nil
	}
}

func newWakingRetry() *transfer.Retry {
	r := newRetry()
	r.Wakeup = &transfer.Wakeup{}
	return r
}

// When a deadline is set, a request that waits is tried at once, and often enough that a store which heals is noticed.
func TestDeadlineEndsPauses(t *testing.T) {
	for name, heals := range map[string]time.Duration{"at once": 0, "soon": 10 * time.Second, "late": 35 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newWakingRetry()
				const hurry = 3*time.Minute + 7*time.Second
				a := try(t.Context(), t, r, transientUntil(hurry+heals))
				time.Sleep(hurry)
				r.Wakeup.Hurry(time.Now().Add(40 * time.Second))
				if err := <-a.done; err != nil {
					t.Fatal(err)
				}
				late := time.Since(a.began) - hurry - heals
				if left := 40*time.Second - heals; late > max(left/4, time.Second) {
					t.Errorf("the store answers again, and the request is tried %v later", late)
				}
			})
		})
	}
}

func TestLastAttemptIsJustBeforeTheDeadline(t *testing.T) {
	for name, fault := range map[string]func(time.Duration) error{
		"transient": transient,
		"the store asks for an hour": func(time.Duration) error {
			return &objstore.Error{Class: objstore.Throttled, After: 20 * time.Minute, Err: errors.New("slow down")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newWakingRetry()
				ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
				defer cancel()
				r.Wakeup.Hurry(time.Now().Add(40 * time.Second))
				a := try(ctx, t, r, fault)
				if err := <-a.done; err == nil {
					t.Fatal("no error is returned")
				}
				last := slices.ContainsFunc(a.at, func(at time.Duration) bool {
					return at >= 38*time.Second && at < 40*time.Second
				})
				if !last {
					t.Errorf("tried at %v", a.at)
				}
				if many := name == "transient"; many != (len(a.at) > 8) {
					t.Errorf("tried at %v", a.at)
				}
			})
		})
	}
}

// When another request succeeds after a fault, those that wait are tried at once.
func TestSuccessEndsPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWakingRetry()
		const heals = 4 * time.Minute
		waiting := try(t.Context(), t, r, transientUntil(heals))
		time.Sleep(heals)
		if err := r.Do(t.Context(), "y", func(context.Context) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if err := <-waiting.done; err != nil {
			t.Fatal(err)
		}
		if late := time.Since(waiting.began) - heals; late > 0 {
			t.Errorf("it was tried %v later", late)
		}
	})
}

// The success of others makes no storm of a request that goes on failing.
func TestSuccessOfOthersMakesNoStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alone := try(t.Context(), t, newRetry(), transient)
		alone.mustFail(t)
		r := newWakingRetry()
		among := try(t.Context(), t, r, transient)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for ctx.Err() == nil {
				_ = r.Do(ctx, "y", func(context.Context) error { return nil })
				time.Sleep(10 * time.Millisecond)
			}
		}()
		among.mustFail(t)
		cancel()
		time.Sleep(time.Second)
		if len(among.at) > 3*len(alone.at) {
			t.Errorf("%d attempts, and %d alone", len(among.at), len(alone.at))
		}
	})
}

// A pause that the store asks for is cut short by nothing but the deadline itself.
func TestPauseThatTheStoreAsksForIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWakingRetry()
		a := try(t.Context(), t, r, func(since time.Duration) error {
			if since < time.Minute {
				return &objstore.Error{Class: objstore.Throttled, After: time.Minute, Err: errors.New("slow down")}
			}
			return nil
		})
		time.Sleep(time.Second)
		if err := r.Do(t.Context(), "y", func(context.Context) error { return nil }); err != nil {
			t.Fatal(err)
		}
		r.Wakeup.Hurry(time.Now().Add(10 * time.Minute))
		if err := <-a.done; err != nil || len(a.at) != 2 {
			t.Errorf("tried at %v: %v", a.at, err)
		}
	})
}

// A deadline that is past, or was taken back, shortens nothing.
func TestDeadlineThatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWakingRetry()
		r.Wakeup.Hurry(time.Now().Add(time.Second))
		r.Wakeup.Hurry(time.Time{})
		a := try(t.Context(), t, r, transient)
		a.mustFail(t)
		if n := len(a.at); n < 20 || n > 60 {
			t.Errorf("%d attempts in ten minutes", n)
		}
	})
}
