package certs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// fieldManager names our writes in managedFields.
const fieldManager = "lighterman-certs"

// watch watches one object by name.
type watch[T any] struct {
	what string // for messages: kind and name
	// synced is true once changed was called with what the first list returned.
	synced func() bool

	mu         sync.Mutex
	object     *T // nil when it does not exist, and before it was read
	watchError error
}

// newFactory returns informers that list and watch one object: with resourceNames, RBAC then allows just that.
func newFactory(client kubernetes.Interface, namespace, name string) informers.SharedInformerFactory {
	return informers.NewSharedInformerFactoryWithOptions(client, 0,
		informers.WithNamespace(namespace),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) {
			o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()
		}))
}

// newWatch returns a watch that calls changed with every state of the object, nil for its absence, one at a time.
func newWatch[T any](what string, informer cache.SharedIndexInformer, changed func(*T)) (*watch[T], error) {
	w := &watch[T]{what: what}
	set := func(object *T) {
		w.mu.Lock()
		w.object = object
		w.mu.Unlock()
		changed(object)
	}
	registration, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { set(o.(*T)) },
		UpdateFunc: func(_, o any) { set(o.(*T)) },
		DeleteFunc: func(any) { set(nil) },
	})
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", what, err)
	}
	w.synced = registration.HasSynced
	if err := informer.SetWatchErrorHandlerWithContext(func(ctx context.Context, r *cache.Reflector, err error) {
		w.mu.Lock()
		w.watchError = err
		w.mu.Unlock()
		cache.DefaultWatchErrorHandler(ctx, r, err)
	}); err != nil {
		return nil, fmt.Errorf("watch %s: %w", what, err)
	}
	return w, nil
}

// lastSeen returns the object as the API server last returned it, or the reason why there is none. The object must
// not be changed.
func (w *watch[T]) lastSeen() (*T, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.object != nil:
		return w.object, nil
	case w.synced():
		return nil, waitingError(w.what + " does not exist")
	case w.watchError != nil:
		return nil, fmt.Errorf("read %s: %w", w.what, w.watchError)
	default:
		return nil, waitingError(w.what + " has not been read yet")
	}
}

// isAbsent reports whether the API server answered that the object does not exist.
func (w *watch[T]) isAbsent() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.object == nil && w.synced()
}

// waitingError is an error that time is expected to cure. Other errors need a person.
type waitingError string

func (w waitingError) Error() string {
	return string(w)
}

// isWaiting reports whether err is a waitingError.
func isWaiting(err error) bool {
	var w waitingError
	return errors.As(err, &w)
}

// backoff spaces attempts that fail. The zero value allows the first at once.
type backoff struct {
	failed error // the outcome of the last attempt
	delay  time.Duration
	until  time.Time
}

// mayTry reports whether it is time for an attempt.
func (b *backoff) mayTry(now time.Time) bool {
	return !now.Before(b.until)
}

// recordAttempt records the outcome of an attempt, and returns it.
func (b *backoff) recordAttempt(now time.Time, err error) error {
	if err == nil {
		*b = backoff{}
		return nil
	}
	b.failed = err
	b.delay = min(max(time.Second, 2*b.delay), 30*time.Second)
	b.until = now.Add(b.delay)
	return err
}
