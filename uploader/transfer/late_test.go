package transfer_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"lighterman.dev/lighterman/uploader/objstore"
)

// lateStore describes a key as it was before Complete, for so many requests.
type lateStore struct {
	objstore.Store

	late   atomic.Int64
	former objstore.Stored
}

func (s *lateStore) Complete(
	ctx context.Context, o *objstore.Object, id string, parts []objstore.Part,
) (objstore.Stored, error) {
	s.former, _ = s.Store.Stat(ctx, o.Key)
	s.late.Store(3)
	return s.Store.Complete(ctx, o, id, parts)
}

func (s *lateStore) Stat(ctx context.Context, key string) (objstore.Stored, error) {
	if s.late.Add(-1) < 0 {
		return s.Store.Stat(ctx, key)
	}
	if s.former.Key == "" {
		return objstore.Stored{}, fail(objstore.NotFound)()
	}
	return s.former, nil
}

func TestObjectThatIsDescribedLate(t *testing.T) {
	both(t, func(_ *testing.T, h *harness) {
		h.calls.Store = &lateStore{Store: h.store}
		data := random(4*partSize + 5)
		h.write("file", data)
		e, err := h.send("file")
		h.must(err)
		h.whole(e, "file", data)

		h.object.Overwrite = true
		data = random(5*partSize + 5)
		h.write("file", data)
		e, err = h.send("file")
		h.must(err)
		h.whole(e, "file", data)
		if n := h.calls.count["Begin"]; n != 2 {
			h.Errorf("%d uploads were begun", n)
		}
	})
}

// An object that the store confirms and never has is an error, in bounded time.
func TestObjectThatIsNeverThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, anyOrder)
		h.write("file", random(4*partSize))
		h.calls.before = func(call string, _ int) error {
			if call == "Stat" {
				return fail(objstore.NotFound)()
			}
			return nil
		}
		began := time.Now()
		if _, err := h.send("file"); objstore.ClassOf(err) != objstore.NotFound {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took < 5*time.Second || took > time.Minute {
			t.Errorf("it took %v", took)
		}
		if n := h.calls.count["Stat"]; n < 3 {
			t.Errorf("it was looked for %d times", n)
		}
	})
}

// An object that stays another than was sent is told as such.
func TestObjectThatStaysAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, anyOrder)
		h.calls.Store = describes{h.store, objstore.Stored{Key: "key/file", Size: 1}}
		h.write("file", random(4*partSize))
		_, err := h.send("file")
		if objstore.ClassOf(err) != objstore.Corrupt || !strings.Contains(err.Error(), "the store has 1 bytes") {
			t.Errorf("got %v", err)
		}
	})
}

// describes is a store that describes every key as one object.
type describes struct {
	objstore.Store

	as objstore.Stored
}

func (s describes) Stat(context.Context, string) (objstore.Stored, error) { return s.as, nil }
