package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"lighterman.dev/lighterman/uploader/objstore"
)

// maxCorruptions is how often content is sent that the store receives corrupted.
const maxCorruptions = 3

// sendBody sends a range of the file in a request, with retries.
func sendBody[T any](
	ctx context.Context, t *transfer, request string, offset int64, c content,
	do func(context.Context, objstore.Body) (T, error),
) (T, error) {
	return sendBodyFrom(ctx, t, t.file, request, offset, c, do)
}

// sendBodyFrom sends a range of a source in a request, with retries.
func sendBodyFrom[T any](
	ctx context.Context, t *transfer, from io.ReaderAt, request string, offset int64, c content,
	do func(context.Context, objstore.Body) (T, error),
) (T, error) {
	var result T
	var readErr error
	sendOnce := func(ctx context.Context) error {
		if err := t.Gate.Enter(ctx, c.size); err != nil {
			return err
		}
		var err error
		r := &fileReader{ReaderAt: from}
		result, err = do(ctx, objstore.Body{ReaderAt: r, Offset: offset, Size: c.size, Sum: c.sum})
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

// fileReader is a file that a store reads.
type fileReader struct {
	io.ReaderAt

	// readErr is the first error of reading the file.
	readErr atomic.Pointer[error]
}

// ReadAt reads from the file, and records an error: the store is not its cause.
func (r *fileReader) ReadAt(p []byte, offset int64) (int, error) {
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
