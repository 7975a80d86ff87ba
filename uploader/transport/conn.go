package transport

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Piece is how much of a body goes to a connection at once. Of 32 KiB to 1 MiB, 128 KiB took the least time over TLS;
// beyond it nothing is gained, and each connection that sends holds a piece or two.
const Piece = 128 << 10

// recordRoom is what TLS adds to a piece: a header and a tag for each record, the first of which are small.
const recordRoom = 8 << 10

var pieces = sync.Pool{New: func() any { return new([Piece]byte) }}

// copyPieces sends a body. net/http takes 32 KiB at a time where a connection does not do it itself.
func copyPieces(w io.Writer, r io.Reader) (int64, error) {
	piece := pieces.Get().(*[Piece]byte)
	defer pieces.Put(piece)
	var sent int64
	for {
		n, err := fill(piece[:], r)
		if n > 0 {
			m, werr := w.Write(piece[:n])
			sent += int64(m)
			if werr != nil {
				return sent, werr
			}
		}
		if errors.Is(err, io.EOF) {
			return sent, nil
		}
		if err != nil {
			return sent, err
		}
	}
}

// fill is io.ReadFull, but leaves the reader's error as it is.
func fill(piece []byte, r io.Reader) (n int, err error) {
	for n < len(piece) && err == nil {
		var m int
		m, err = r.Read(piece[n:])
		n += m
	}
	return n, err
}

// plainConn is a connection without TLS.
type plainConn struct{ net.Conn }

func (c *plainConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(stallTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// ReadFrom sends a body.
func (c *plainConn) ReadFrom(r io.Reader) (int64, error) { return copyPieces(c, r) }

// tlsConn is a connection with TLS whose records go to the kernel several at a time.
type tlsConn struct {
	*tls.Conn

	records *records
}

func (c *tlsConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(stallTimeout)); err != nil {
		return 0, err
	}
	if len(p) <= headerBuffer {
		return c.Conn.Write(p)
	}
	c.records.hold()
	n, err := c.Conn.Write(p)
	if ferr := c.records.release(); err == nil {
		err = ferr
	}
	return n, err
}

// ReadFrom sends a body.
func (c *tlsConn) ReadFrom(r io.Reader) (int64, error) { return copyPieces(c, r) }

// records gathers what package tls writes one record, 16 KiB, at a time.
type records struct {
	net.Conn

	mu   sync.Mutex
	held *[]byte // nil: records go through at once
}

var recordBuffers = sync.Pool{New: func() any { return new(make([]byte, 0, Piece+recordRoom)) }}

func (r *records) hold() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = recordBuffers.Get().(*[]byte)
}

func (r *records) release() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := r.held
	r.held = nil
	_, err := r.Conn.Write(*held)
	*held = (*held)[:0]
	recordBuffers.Put(held)
	return err
}

func (r *records) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held == nil {
		return r.Conn.Write(p)
	}
	*r.held = append(*r.held, p...)
	return len(p), nil
}
