package transport

import (
	"net"
	"time"
)

// LongBody is from where on a request waits for the store's 100 Continue: a store that refuses a request closes the
// connection in the middle of a long body, and its answer is lost.
const LongBody = 128 << 10

// conn is a connection, with TLS or without, that notices when nobody takes what it writes. Larger writes, and several TLS
// records in one, were tried and took no less time.
type conn struct{ net.Conn }

func (c conn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(stallTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
