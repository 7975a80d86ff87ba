package transport

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	// LongBody is from where on a request waits for the store's 100 Continue: a store that refuses a request closes the
	// connection in the middle of a long body.
	LongBody = 128 << 10
	// answerGrace bounds how long a write that failed waits for the answer that the server sent before it closed.
	answerGrace = 5 * time.Second
)

// wire is the connection of the network, below TLS. It counts what passes for the watch of the request that it serves, and
// writes no faster than the limiter permits: the bytes of TLS and of headers count, as those of a file do.
type wire struct {
	net.Conn

	limiter *rate.Limiter // nil: any pace
	watch   atomic.Pointer[watch]
	// open ends when the connection is closed.
	open  context.Context //nolint:containedctx // A net.Conn has methods without one.
	close context.CancelFunc
}

func newWire(c net.Conn, limiter *rate.Limiter) *wire {
	w := &wire{Conn: c, limiter: limiter}
	w.open, w.close = context.WithCancel(context.Background())
	return w
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.watch.Load().noteProgress(n)
	return n, err
}

func (w *wire) Write(p []byte) (int, error) {
	if w.limiter == nil {
		n, err := w.Conn.Write(p)
		w.watch.Load().noteProgress(n)
		return n, err
	}
	written := 0
	for written < len(p) {
		chunk := p[written:min(len(p), written+w.limiter.Burst())]
		if err := w.awaitLimiter(len(chunk)); err != nil {
			return written, err
		}
		n, err := w.Conn.Write(chunk)
		w.watch.Load().noteProgress(n)
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// awaitLimiter waits until the limiter permits some bytes, or the connection is closed.
func (w *wire) awaitLimiter(n int) error {
	resume := w.watch.Load().pause()
	defer resume()
	if w.limiter.WaitN(w.open, n) != nil {
		return net.ErrClosed
	}
	return nil
}

func (w *wire) Close() error {
	w.close()
	return w.Conn.Close()
}

// conn is a connection, with TLS or without, that reads the answer of a server which refuses a request in the middle of its body.
// Larger writes, and several TLS records in one, were tried and took no less time.
type conn struct {
	net.Conn

	wire *wire
	// readEnded is closed when nothing more can be read.
	readEnded chan struct{}
	once      sync.Once
}

// newConn returns a connection over a wire: c is the wire itself, or TLS over it.
func newConn(c net.Conn, w *wire) *conn {
	return &conn{Conn: c, wire: w, readEnded: make(chan struct{})}
}

// wireOf returns the wire below a connection of New's transport; nil for another.
func wireOf(c net.Conn) *wire {
	if over, ok := c.(interface{ NetConn() net.Conn }); ok { // TLS through a proxy, which the transport makes itself.
		c = over.NetConn()
	}
	if own, ok := c.(*conn); ok {
		return own.wire
	}
	return nil
}

// Write returns an error only when nothing more can be read, or after answerGrace. A server that refuses a request answers
// and closes without reading the rest of the body, so that the kernel resets the connection and the next write fails.
// net/http 1.26.11 closes a connection whose write failed at once (persistConn.writeLoop and roundTrip in transport.go) and
// loses the answer, although Linux keeps what arrived before the reset (tcp_recvmsg_locked takes from the receive queue
// before it looks at sk_err). As long as Write waits, net/http goes on reading: it returns the answer as soon as its header
// has come, and closes the connection when the answer's body is read.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil {
		c.awaitAnswer()
	}
	return n, err
}

// awaitAnswer returns when the last of what the server sent is read.
func (c *conn) awaitAnswer() {
	timer := time.NewTimer(answerGrace)
	defer timer.Stop()
	select {
	case <-c.readEnded:
	case <-timer.C:
	}
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.endReading()
	}
	return n, err
}

func (c *conn) Close() error {
	c.endReading()
	return c.Conn.Close()
}

func (c *conn) endReading() { c.once.Do(func() { close(c.readEnded) }) }
