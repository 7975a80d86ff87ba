package httpserver

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

// connections bounds how many connections are open. Where all places are taken, a new connection takes that of one which
// waits for its client: the oldest such of the source with the most connections. A flood so displaces itself, and an API
// server, which needs a few connections, keeps them.
type connections struct {
	limit int

	mu       sync.Mutex
	open     map[*conn]struct{}
	bySource map[string]int
}

func newConnections(limit int) *connections {
	return &connections{limit: limit, open: make(map[*conn]struct{}, limit), bySource: map[string]int{}}
}

// conn is an open connection. Its fields are guarded by the mutex of its connections.
type conn struct {
	net.Conn
	all    *connections
	source string
	// since is when the connection began to wait for its client.
	since time.Time
	// busy: a request has arrived whole, and the client waits for us.
	busy bool
}

// listener accepts connections within the bound.
type listener struct {
	net.Listener
	all *connections
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.all.admit(accepted); c != nil {
			return c, nil
		}
		_ = accepted.Close() // Every connection is busy: there is no one to displace.
	}
}

// admit returns the connection with its place; nil: there is none.
func (a *connections) admit(accepted net.Conn) *conn {
	source, _, err := net.SplitHostPort(accepted.RemoteAddr().String())
	if err != nil {
		source = accepted.RemoteAddr().String()
	}
	c := &conn{Conn: accepted, all: a, source: source, since: time.Now()}
	a.mu.Lock()
	var displaced *conn
	if len(a.open) >= a.limit {
		if displaced = a.longestWaiting(); displaced == nil {
			a.mu.Unlock()
			return nil
		}
		a.remove(displaced)
	}
	a.open[c] = struct{}{}
	a.bySource[source]++
	a.mu.Unlock()
	if displaced != nil {
		_ = displaced.Conn.Close()
	}
	return c
}

func (a *connections) longestWaiting() *conn {
	var found *conn
	for c := range a.open {
		if c.busy {
			continue
		}
		if found == nil || a.bySource[c.source] > a.bySource[found.source] ||
			(a.bySource[c.source] == a.bySource[found.source] && c.since.Before(found.since)) {
			found = c
		}
	}
	return found
}

// remove must be called with the mutex held.
func (a *connections) remove(c *conn) {
	if _, ok := a.open[c]; !ok {
		return
	}
	delete(a.open, c)
	if a.bySource[c.source]--; a.bySource[c.source] == 0 {
		delete(a.bySource, c.source)
	}
}

// Close closes the connection and frees its place.
func (c *conn) Close() error {
	c.all.mu.Lock()
	c.all.remove(c)
	c.all.mu.Unlock()
	return c.Conn.Close()
}

func (c *conn) setBusy(busy bool) {
	c.all.mu.Lock()
	c.busy, c.since = busy, time.Now()
	c.all.mu.Unlock()
}

// connOf returns the connection below TLS; nil: it is none of ours.
func connOf(c net.Conn) *conn {
	if over, ok := c.(*tls.Conn); ok {
		c = over.NetConn()
	}
	found, _ := c.(*conn)
	return found
}

// trackState follows the connections' requests, as an http.Server's ConnState.
func trackState(c net.Conn, state http.ConnState) {
	if found := connOf(c); found != nil && (state == http.StateActive || state == http.StateIdle) {
		found.setBusy(false)
	}
}

type contextKey struct{}

// withConn puts the connection into the context of its requests.
func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, contextKey{}, connOf(c))
}

// MarkArrived marks the connection of a request that has been read whole: no other connection displaces it until the request
// is answered.
func MarkArrived(ctx context.Context) {
	if c, _ := ctx.Value(contextKey{}).(*conn); c != nil {
		c.setBusy(true)
	}
}
