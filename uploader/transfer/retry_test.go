package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transfer"
)

func newRetry() *transfer.Retry { return &transfer.Retry{Log: slog.New(slog.DiscardHandler)} }

// A fault that lasts so long heals, or not.
func TestRetryIsBoundedByTheClass(t *testing.T) {
	for class, test := range map[objstore.Class]struct{ heals, fails time.Duration }{
		objstore.Transient:       {2 * time.Minute, 11 * time.Minute},
		objstore.Throttled:       {20 * time.Minute, 31 * time.Minute},
		objstore.Expired:         {2 * time.Minute, 6 * time.Minute},
		objstore.Denied:          {time.Minute, 3 * time.Minute},
		objstore.Unauthenticated: {2 * time.Minute, 4 * time.Minute},
		objstore.ClockSkew:       {20 * time.Second, 2 * time.Minute},
		objstore.Unknown:         {20 * time.Second, 2 * time.Minute},
		objstore.Invalid:         {0, time.Nanosecond},
		objstore.NoBucket:        {0, time.Nanosecond},
		objstore.Untrusted:       {0, time.Nanosecond},
		objstore.Exists:          {0, time.Nanosecond},
		objstore.NotFound:        {0, time.Nanosecond},
		objstore.Corrupt:         {0, time.Nanosecond},
		objstore.NoUpload:        {0, time.Nanosecond},
	} {
		t.Run(string(class), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				fault := func(lasts time.Duration) error {
					start := time.Now()
					return newRetry().Do(t.Context(), "x", func(context.Context) error {
						if time.Since(start) >= lasts {
							return nil
						}
						return fail(class)()
					})
				}
				if err := fault(test.heals); err != nil {
					t.Errorf("a fault of %v: %v", test.heals, err)
				}
				if err := fault(test.fails); objstore.ClassOf(err) != class {
					t.Errorf("a fault of %v: %v", test.fails, err)
				}
				if took := time.Since(begin); took > test.heals+test.fails+2*time.Minute {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// Pauses grow; none makes the time shorter in which a fault may heal.
func TestRetryUsesAllItsTime(t *testing.T) {
	for class, limit := range transfer.DefaultLimits {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			err := newRetry().Do(t.Context(), "x", func(context.Context) error { return fail(class)() })
			if objstore.ClassOf(err) != class {
				t.Errorf("%s: got %v", class, err)
			}
			if took := time.Since(begin); took != limit {
				t.Errorf("%s: it is given up after %v, not %v", class, took, limit)
			}
		})
	}
}

func TestRetryWaitsAsLongAsTheStoreAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, n, slow := time.Now(), 0, 0
		r := newRetry()
		r.OnThrottled = func() { slow++ }
		err := r.Do(t.Context(), "x", func(context.Context) error {
			if n++; n < 4 {
				return &objstore.Error{Class: objstore.Throttled, After: time.Minute, Err: errors.New("slow down")}
			}
			return nil
		})
		if took := time.Since(begin); err != nil || took < 3*time.Minute || slow != 3 {
			t.Errorf("after %v, slower %d times: %v", took, slow, err)
		}
	})
}

func TestRetryPausesGrowAndDiffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pauses []time.Duration
		last := time.Now()
		err := newRetry().Do(t.Context(), "x", func(context.Context) error {
			pauses = append(pauses, time.Since(last))
			last = time.Now()
			return fail(objstore.Transient)()
		})
		if err == nil || len(pauses) < 20 || len(pauses) > 60 {
			t.Fatalf("%d requests in ten minutes, %v", len(pauses), err)
		}
		// The last one ends with the time that there is.
		long := pauses[len(pauses)-2]
		if pauses[1] > 300*time.Millisecond || long < 15*time.Second || long > 45*time.Second {
			t.Errorf("the pauses are %v", pauses)
		}
	})
}

func TestRetryEndsWithItsContextAndKeepsTheError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("the grace period is over"))
		defer cancel()
		err := newRetry().Do(ctx, "x", func(context.Context) error { return fail(objstore.Transient)() })
		if objstore.ClassOf(err) != objstore.Transient || !strings.Contains(err.Error(), "the grace period is over") {
			t.Errorf("got %v", err)
		}
	})
}

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := transfer.NewGate(2, 1000)
		enter := func(size int64) (entered *bool) {
			entered = new(bool)
			go func() {
				if g.Enter(t.Context(), size) == nil {
					*entered = true
				}
			}()
			synctest.Wait()
			return entered
		}
		if !*enter(1000) || !*enter(5000) {
			t.Fatal("two large parts do not go at a time")
		}
		third := enter(1000)
		if *third {
			t.Error("a third goes, too")
		}
		g.Leave(1000, true)
		synctest.Wait()
		if !*third {
			t.Error("it does not go when one has ended")
		}
		g.Leave(5000, true)
		g.Leave(1000, true)
		for range 16 {
			if !*enter(1) {
				t.Fatal("16 small objects do not go at a time")
			}
		}
		// The store asks for fewer: nothing new goes until half has ended.
		g.Narrow()
		next := enter(1)
		for ended := range 16 {
			if *next != (ended > 8) {
				t.Fatalf("after %d of 16 have ended, the next one goes: %v", ended, *next)
			}
			g.Leave(1, false)
			synctest.Wait()
		}
	})
}

func TestGateEndsWithItsContext(t *testing.T) {
	g := transfer.NewGate(1, 1000)
	if err := g.Enter(t.Context(), 1000); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Enter(ctx, 1000); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestLimiter(t *testing.T) {
	h := newHarness(t, anyOrder)
	h.sender.Limiter = transfer.NewLimiter(1 << 20)
	data := random(8 * partSize) // half a second
	h.write("file", data)
	begin := time.Now()
	e, err := h.send("file")
	h.must(err)
	h.whole(e, "file", data)
	// The limiter begins with an eighth of a second's bytes.
	if took := time.Since(begin); took < 300*time.Millisecond {
		t.Errorf("half a MiB was sent in %v, at one MiB in a second", took)
	}
	if transfer.NewLimiter(0) != nil {
		t.Error("zero limits")
	}
}

// A store that takes the request and never answers.
func TestRequestThatStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := transfer.WithStallTimeout(t.Context(), func(ctx context.Context, moved func()) (int, error) {
			for range 10 {
				time.Sleep(4 * time.Minute)
				if ctx.Err() != nil {
					t.Error("it was cut off while it moved")
				}
				moved()
			}
			<-ctx.Done()
			return 0, ctx.Err()
		})
		if objstore.ClassOf(err) != objstore.Transient || !bytes.Contains([]byte(err.Error()), []byte("5m0s")) {
			t.Errorf("got %v", err)
		}
	})
}
