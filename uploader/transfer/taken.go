package transfer

import (
	"context"
	"fmt"
	"sync"

	"lighterman.dev/lighterman/uploader/objstore"
)

// Taken remembers the keys that the store has refused because an object is there. A file that is sent again to such a key
// is compared with that object, and its content is not sent in vain.
type Taken struct {
	mu sync.Mutex
	by map[string]error
}

// refusal returns what the store said of the key; nil: it has not refused it.
func (t *Taken) refusal(key string) error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.by[key]
}

// set remembers what the store said of the key; nil forgets it.
func (t *Taken) set(key string, refusal error) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if refusal == nil {
		delete(t.by, key)
		return
	}
	if t.by == nil {
		t.by = map[string]error{}
	}
	t.by[key] = refusal
}

// looksBefore reports whether the key can be looked at before an object is written there, and whether that is of use.
func (t *transfer) looksBefore() bool { return !t.object.Overwrite && !t.WriteOnly }

// refusedBefore returns the refusal of an earlier attempt if an object still has the key. Where the store cannot say
// whether one has, the write decides.
func (t *transfer) refusedBefore(ctx context.Context) error {
	refusal := t.Taken.refusal(t.object.Key)
	if refusal == nil || !t.looksBefore() {
		return nil
	}
	if err := t.statOnce(ctx); err != nil {
		if objstore.ClassOf(err) == objstore.NotFound {
			t.Taken.set(t.object.Key, nil)
		}
		return nil
	}
	t.Log.Info("an object still has the key; it is compared with the file, which is not sent", "key", t.object.Key)
	return refusal
}

func (t *transfer) statOnce(ctx context.Context) error {
	_, err := attempt(ctx, func(ctx context.Context, _ func()) (objstore.Stored, error) { return t.Store.Stat(ctx, t.object.Key) })
	return err
}

// newPut returns the function that writes the object. It looks at the key before it sends the content again after a broken
// connection: a store that refuses a write closes the connection in the middle of it, and a store that has stored the object
// refuses to store it again. Complete needs no such look: it carries no content.
func (t *transfer) newPut() func(context.Context, objstore.Body) (objstore.Stored, error) {
	var broken error
	return func(ctx context.Context, body objstore.Body) (objstore.Stored, error) {
		if broken != nil && t.statOnce(ctx) == nil {
			return objstore.Stored{}, &objstore.Error{
				Class: objstore.Exists, Err: fmt.Errorf("an object has the key %s after a write to it broke: %w", t.object.Key, broken),
			}
		}
		stored, err := t.Store.Put(ctx, t.object, body)
		broken = nil
		if objstore.ClassOf(err) == objstore.Transient && t.looksBefore() {
			broken = err
		}
		return stored, err
	}
}
