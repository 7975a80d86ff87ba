package transport

import (
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"lighterman.dev/lighterman/uploader/objstore"
)

// BodyError is an error of the file that is sent, not of the store.
type BodyError struct{ Err error }

func (e *BodyError) Error() string { return "read the file: " + e.Err.Error() }

func (e *BodyError) Unwrap() error { return e.Err }

// body reads a part of a file.
type body struct {
	*io.SectionReader

	sum hash.Hash
}

// NewBodyReader returns a reader of a part of a file that adds what it reads to a checksum. Without one, nil, the body may be read
// again after a Seek to its beginning. A file that ends before the part does, or cannot be read, is a *BodyError.
func NewBodyReader(b objstore.Body, sum hash.Hash) io.ReadSeeker {
	return &body{SectionReader: b.Reader(), sum: sum}
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.SectionReader.Read(p)
	if b.sum != nil {
		b.sum.Write(p[:n])
	}
	if err == nil {
		return n, nil
	}
	if !errors.Is(err, io.EOF) {
		return n, &BodyError{err}
	}
	if at, _ := b.Seek(0, io.SeekCurrent); at < b.Size() {
		return n, &BodyError{fmt.Errorf("it ended %d bytes too early: %w", b.Size()-at, io.ErrUnexpectedEOF)}
	}
	return n, io.EOF
}

var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// HashBody reads a part of a file into a checksum.
func HashBody(b objstore.Body, sum hash.Hash) error {
	buffer := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buffer)
	// The struct hides what would let io.Copy do without the buffer.
	_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{NewBodyReader(b, sum)}, buffer[:])
	return err
}
