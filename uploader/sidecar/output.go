package sidecar

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/session"
	"lighterman.dev/lighterman/uploader/transfer"
)

// output is the standard output of one attempt of a wrapped command, on its way to the store.
type output struct {
	attempt session.Attempt
	path    string
	stream  *transfer.Stream
	// giveUp ends the reading. ended is closed when it has ended: all of the stream is in the store, or there is a failure.
	giveUp context.CancelCauseFunc
	ended  chan struct{}
	// failure is the first error; nil: there is none.
	failure atomic.Pointer[error]
	// delayed is the error of a request that is being retried.
	delayed atomic.Pointer[error]
}

// outputTable holds the outputs of the wrapped commands, the newest of each container.
type outputTable struct {
	mu     sync.Mutex
	newest map[string]*output // by container
}

// replace puts an output in the place of the container's former one, which it returns.
func (t *outputTable) replace(container string, o *output) (former *output) {
	t.mu.Lock()
	defer t.mu.Unlock()
	former = t.newest[container]
	if t.newest == nil {
		t.newest = map[string]*output{}
	}
	t.newest[container] = o
	return former
}

// ofAttempt returns the output of an attempt; nil: this process has none.
func (t *outputTable) ofAttempt(a session.Attempt) *output {
	t.mu.Lock()
	defer t.mu.Unlock()
	if o := t.newest[a.Container]; o != nil && o.attempt.Session == a.Session {
		return o
	}
	return nil
}

// atPath returns the output that is stored at a path; nil: there is none.
func (t *outputTable) atPath(path string) *output {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, o := range t.newest {
		if o != nil && o.path == path {
			return o
		}
	}
	return nil
}

var (
	errOutputReplaced = errors.New("the command has begun again")
	errCommandFailed  = errors.New("the command has failed")
	errSessionLost    = errors.New("the session of the command was lost")
)

// stdoutOf returns the path under which the standard output of a container is stored; empty: it is not.
func stdoutOf(c *uploader.Config, container string) string {
	at := slices.IndexFunc(c.Containers, func(candidate uploader.Container) bool { return candidate.Name == container })
	if at < 0 {
		return ""
	}
	return c.Containers[at].Stdout
}

var _ session.OutputHandler = (*sidecar)(nil)

// end ends the reading of an output that is not to be stored, and waits until nothing of it is left. An output that was
// published stays.
func (o *output) end(ctx context.Context, cause error) {
	o.failure.CompareAndSwap(nil, &cause)
	o.giveUp(cause)
	<-o.ended
	if err := o.stream.Abort(ctx); err != nil {
		err = errors.Join(cause, err)
		o.failure.CompareAndSwap(&cause, &err)
	}
}

// err returns why the output is no backup; nil: it may be one.
func (o *output) err() error {
	if failure := o.failure.Load(); failure != nil {
		return *failure
	}
	return nil
}

// progress returns how much was read.
func (o *output) progress() session.OutputProgress {
	p := session.OutputProgress{Bytes: o.stream.Read()}
	if err := o.delayed.Load(); err != nil && *err != nil {
		p.Delayed = Explain(*err)
	}
	return p
}
