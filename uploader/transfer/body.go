package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"lighterman.dev/lighterman/uploader/objstore"
)

// stall is how long a request may stand still: nothing is read from its body, and no answer comes. A store may take
// minutes to join the parts of an object.
const stall = 5 * time.Minute

// attempt runs one request. It ends, with an error of class Transient, one that stands still.
func attempt[T any](ctx context.Context, do func(ctx context.Context, moved func()) (T, error)) (T, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := fmt.Errorf("the store has taken and answered nothing for %v", stall)
	timer := time.AfterFunc(stall, func() { cancel(late) })
	defer timer.Stop()
	result, err := do(ctx, func() { timer.Reset(stall) })
	if err != nil && context.Cause(ctx) == late { //nolint:errorlint // This very value was given to cancel.
		err = &objstore.Error{Class: objstore.Transient, Err: fmt.Errorf("%w: %w", late, err)}
	}
	return result, err
}

// meter is a file as a store reads it: at the pace that is allowed, and seen.
type meter struct {
	io.ReaderAt

	ctx     context.Context
	limiter *rate.Limiter // nil: any pace
	moved   func()
	// failed is why the file could not be read; nil: it could.
	failed atomic.Pointer[error]
}

// read reads from the file, and notes where that fails: it is no fault of the store.
func (m *meter) read(p []byte, offset int64) (int, error) {
	n, err := m.ReaderAt.ReadAt(p, offset)
	if err != nil && n < len(p) {
		why := fmt.Errorf("read the file: %w", err)
		if errors.Is(err, io.EOF) {
			why = fmt.Errorf("%w: it has become shorter", ErrChanged)
		}
		m.failed.CompareAndSwap(nil, &why)
	}
	return n, err
}

func (m *meter) ReadAt(p []byte, offset int64) (int, error) {
	if m.limiter == nil {
		m.moved()
		return m.read(p, offset)
	}
	read := 0
	for read < len(p) {
		n := min(len(p)-read, m.limiter.Burst())
		if err := m.limiter.WaitN(m.ctx, n); err != nil {
			return read, err
		}
		m.moved()
		got, err := m.read(p[read:read+n], offset+int64(read))
		read += got
		if err != nil {
			return read, err
		}
	}
	return read, nil
}

// NewLimiter limits what all files together send, in bytes per second; nil for zero.
func NewLimiter(bytesPerSecond int64) *rate.Limiter {
	if bytesPerSecond <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(bytesPerSecond), int(max(1024, min(bytesPerSecond/8, 1<<20))))
}
