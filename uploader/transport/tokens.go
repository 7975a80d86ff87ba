package transport

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// ForTokens returns a client for token services: the bounds of small answers count, whatever the context of a request to the
// store asks for.
func ForTokens(client *http.Client) *http.Client {
	strict := *client
	strict.Transport = strictTripper{client.Transport}
	return &strict
}

type strictTripper struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t strictTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.next.RoundTrip(r.WithContext(expect(r.Context(), small)))
}

// TokenTimeout bounds a request to a token service by a client that New does not make.
const TokenTimeout = 2 * stallTimeout

// BoundTokens bounds a transport that a library makes for token services, for a library that takes no client. Its connections
// end when they have read more than any token service sends.
func BoundTokens(t *http.Transport) {
	d := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	t.Proxy = NewProxy()
	t.MaxResponseHeaderBytes, t.ResponseHeaderTimeout = maxHeader, stallTimeout
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &boundConn{Conn: c, left: 4 * maxAnswer}, nil
	}
}

// errConnExhausted is the error of a boundConn that has read all that it may.
var errConnExhausted = errors.New("the token service has sent more than any token service does")

// boundConn is a connection that reads so many bytes and no more. One goroutine reads at a time.
type boundConn struct {
	net.Conn

	left int
}

func (c *boundConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errConnExhausted
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}
