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

// stallTimeout is how long a request may stand still: nothing is read from its body, and no answer comes. A store may take
// minutes to join the parts of an object.
const stallTimeout = 5 * time.Minute

// withStallTimeout runs one request. It ends, with an error of class Transient, one that stands still.
func withStallTimeout[T any](ctx context.Context, do func(ctx context.Context, noteProgress func()) (T, error)) (T, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	errStalled := fmt.Errorf("the store has taken and answered nothing for %v", stallTimeout)
	timer := time.AfterFunc(stallTimeout, func() { cancel(errStalled) })
	defer timer.Stop()
	result, err := do(ctx, func() { timer.Reset(stallTimeout) })
	if err != nil && context.Cause(ctx) == errStalled { //nolint:errorlint // This very value was given to cancel.
		err = &objstore.Error{Class: objstore.Transient, Err: fmt.Errorf("%w: %w", errStalled, err)}
	}
	return result, err
}

// pacedReader is a file as a store reads it: at the pace that is allowed, and seen.
type pacedReader struct {
	io.ReaderAt

	ctx          context.Context
	limiter      *rate.Limiter // nil: any pace
	noteProgress func()
	// readErr is why the file could not be read; nil: it could.
	readErr atomic.Pointer[error]
}

// readFile reads from the file, and notes where that fails: it is no fault of the store.
func (m *pacedReader) readFile(p []byte, offset int64) (int, error) {
	n, err := m.ReaderAt.ReadAt(p, offset)
	if err != nil && n < len(p) {
		why := fmt.Errorf("read the file: %w", err)
		if errors.Is(err, io.EOF) {
			why = fmt.Errorf("%w: it has become shorter", ErrChanged)
		}
		m.readErr.CompareAndSwap(nil, &why)
	}
	return n, err
}

func (m *pacedReader) ReadAt(p []byte, offset int64) (int, error) {
	if m.limiter == nil {
		m.noteProgress()
		return m.readFile(p, offset)
	}
	read := 0
	for read < len(p) {
		n := min(len(p)-read, m.limiter.Burst())
		if err := m.limiter.WaitN(m.ctx, n); err != nil {
			return read, err
		}
		m.noteProgress()
		got, err := m.readFile(p[read:read+n], offset+int64(read))
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
