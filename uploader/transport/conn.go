package transport

import (
	"net"
	"sync"
	"time"
)

const (
	// LongBody is from where on a request waits for the store's 100 Continue: a store that refuses a request closes the
	// connection in the middle of a long body.
	LongBody = 128 << 10
	// answerGrace bounds how long a write that failed waits for the answer that the server sent before it closed.
	answerGrace = 5 * time.Second
)

// conn is a connection, with TLS or without, that notices when the server takes nothing of what it writes, and that reads
// the answer of a server which refuses a request in the middle of its body. Larger writes, and several TLS records in one,
// were tried and took no less time.
type conn struct {
	net.Conn

	// readEnded is closed when nothing more can be read.
	readEnded chan struct{}
	once      sync.Once
}

func newConn(c net.Conn) *conn { return &conn{Conn: c, readEnded: make(chan struct{})} }

// Write returns an error only when nothing more can be read, or after answerGrace. A server that refuses a request answers
// and closes without reading the rest of the body, so that the kernel resets the connection and the next write fails.
// net/http 1.26.11 closes a connection whose write failed at once (persistConn.writeLoop and roundTrip in transport.go) and
// loses the answer, although Linux keeps what arrived before the reset (tcp_recvmsg_locked takes from the receive queue
// before it looks at sk_err). As long as Write waits, net/http goes on reading: it returns the answer as soon as its header
// has come, and closes the connection when the answer's body is read.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(stallTimeout)); err != nil {
		return 0, err
	}
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
