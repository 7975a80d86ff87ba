package transfer

import (
	"context"
	"fmt"
	"sync"

	"lighterman.dev/lighterman/uploader/objstore"
)

// TakenKeys remembers the keys that the store has refused because an object is there. A file that is sent again to such a key
// is compared with that object, and its content is not sent in vain.
type TakenKeys struct {
	mu       sync.Mutex
	refusals map[string]error
}

// refusalOf returns what the store said of the key; nil: it has not refused it.
func (t *TakenKeys) refusalOf(key string) error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.refusals[key]
}

// setRefusal remembers what the store said of the key; nil forgets it.
func (t *TakenKeys) setRefusal(key string, refusal error) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if refusal == nil {
		delete(t.refusals, key)
		return
	}
	if t.refusals == nil {
		t.refusals = map[string]error{}
	}
	t.refusals[key] = refusal
}

// canStatFirst reports whether the key can be looked at before an object is written there, and whether that is of use.
func (t *transfer) canStatFirst() bool { return !t.object.Overwrite && !t.WriteOnly }

// earlierRefusal returns the refusal of an earlier attempt if an object still has the key. Where the store cannot say
// whether one has, the write decides.
func (t *transfer) earlierRefusal(ctx context.Context) error {
	refusal := t.TakenKeys.refusalOf(t.object.Key)
	if refusal == nil || !t.canStatFirst() {
		return nil
	}
	if err := t.statOnce(ctx); err != nil {
		if objstore.ClassOf(err) == objstore.NotFound {
			t.TakenKeys.setRefusal(t.object.Key, nil)
		}
		return nil
	}
	t.Log.Info("an object still has the key; it is compared with the file, which is not sent", "key", t.object.Key)
	return refusal
}

func (t *transfer) statOnce(ctx context.Context) error {
	_, err := withStallTimeout(ctx, func(ctx context.Context, _ func()) (objstore.Stored, error) { return t.Store.Stat(ctx, t.object.Key) })
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
		if objstore.ClassOf(err) == objstore.Transient && t.canStatFirst() {
			broken = err
		}
		return stored, err
	}
}
