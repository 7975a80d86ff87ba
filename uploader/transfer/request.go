package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"lighterman.dev/lighterman/uploader/objstore"
)

// maxCorruptions is how often content is sent that the store receives corrupted.
const maxCorruptions = 3

// sendBody sends a range of the file in a request, with retries.
func sendBody[T any](
	ctx context.Context, t *transfer, request string, offset int64, c content,
	do func(context.Context, objstore.Body) (T, error),
) (T, error) {
	var result T
	var readErr error
	sendOnce := func(ctx context.Context) error {
		if err := t.Gate.Enter(ctx, c.size); err != nil {
			return err
		}
		var err error
		r := &pacedReader{ReaderAt: t.file, limiter: t.Limiter}
		result, err = withStallTimeout(ctx, func(ctx context.Context, noteProgress func()) (T, error) {
			r.ctx, r.noteProgress = ctx, noteProgress
			return do(ctx, objstore.Body{ReaderAt: r, Offset: offset, Size: c.size, Sum: c.sum})
		})
		t.Gate.Leave(c.size, err == nil)
		if why := r.readErr.Load(); err != nil && why != nil {
			readErr = *why
			return nil // A retry would not help.
		}
		return err
	}
	var err error
	for range maxCorruptions {
		err = cmp.Or(t.Retry.Do(ctx, request, sendOnce), readErr)
		if objstore.ClassOf(err) != objstore.Corrupt {
			break
		}
		t.Log.Warn("resend corrupted content", "request", request, "error", err)
	}
	return result, err
}

// stallTimeout bounds how long a request may stall: the store reads nothing of its body and does not answer. A store
// may take minutes to join the parts of an object.
const stallTimeout = 5 * time.Minute

// withStallTimeout runs a request, and ends it with an error of class Transient when it stalls.
func withStallTimeout[T any](
	ctx context.Context, do func(ctx context.Context, noteProgress func()) (T, error),
) (T, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	errStalled := fmt.Errorf("the store has taken and answered nothing for %v", stallTimeout)
	timer := time.AfterFunc(stallTimeout, func() { cancel(errStalled) })
	defer timer.Stop()
	result, err := do(ctx, func() { timer.Reset(stallTimeout) })
	if err != nil && context.Cause(ctx) == errStalled { //nolint:errorlint // It is the value that cancel was given.
		err = &objstore.Error{Class: objstore.Transient, Err: fmt.Errorf("%w: %w", errStalled, err)}
	}
	return result, err
}

// pacedReader is a file that a store reads no faster than the limiter permits.
type pacedReader struct {
	io.ReaderAt

	ctx          context.Context
	limiter      *rate.Limiter // nil: any pace
	noteProgress func()
	// readErr is the first error of reading the file.
	readErr atomic.Pointer[error]
}

// readFile reads from the file, and records an error: the store is not its cause.
func (r *pacedReader) readFile(p []byte, offset int64) (int, error) {
	n, err := r.ReaderAt.ReadAt(p, offset)
	if err != nil && n < len(p) {
		why := fmt.Errorf("read the file: %w", err)
		if errors.Is(err, io.EOF) {
			why = fmt.Errorf("%w: it has become shorter", ErrChanged)
		}
		r.readErr.CompareAndSwap(nil, &why)
	}
	return n, err
}

// ReadAt implements io.ReaderAt.
func (r *pacedReader) ReadAt(p []byte, offset int64) (int, error) {
	if r.limiter == nil {
		r.noteProgress()
		return r.readFile(p, offset)
	}
	read := 0
	for read < len(p) {
		n := min(len(p)-read, r.limiter.Burst())
		if err := r.limiter.WaitN(r.ctx, n); err != nil {
			return read, err
		}
		r.noteProgress()
		got, err := r.readFile(p[read:read+n], offset+int64(read))
		read += got
		if err != nil {
			return read, err
		}
	}
	return read, nil
}

// NewLimiter returns a limiter for the bytes per second of all files together; nil for zero.
func NewLimiter(bytesPerSecond int64) *rate.Limiter {
	if bytesPerSecond <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(bytesPerSecond), int(max(1024, min(bytesPerSecond/8, 1<<20))))
}
