package httpserver

import (
	"net"
	"testing"
	"time"
)

// address is a connection from somewhere.
type address struct {
	net.Conn
	from   string
	closed bool
}

func (a *address) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.ParseIP(a.from), Port: 1}
}

func (a *address) Close() error {
	a.closed = true
	return nil
}

func TestFloodDisplacesItself(t *testing.T) {
	t.Parallel()
	all := newConnections(8)
	apiServer := &address{from: "10.0.0.1"}
	all.admit(apiServer)
	var flood []*address
	for range 100 {
		c := &address{from: "10.0.0.9"}
		if all.admit(c) == nil {
			t.Fatal("refused, though others wait")
		}
		flood = append(flood, c)
	}
	open := 0
	for i, c := range flood {
		if !c.closed {
			open++
			if i < len(flood)-7 {
				t.Errorf("connection %d is open, and later ones are not", i)
			}
		}
	}
	if open != 7 || apiServer.closed || len(all.open) != 8 {
		t.Errorf("%d of the flood are open, %d at all; the API server's is closed: %v", open, len(all.open), apiServer.closed)
	}
}

func TestBusyConnectionsStay(t *testing.T) {
	t.Parallel()
	all := newConnections(2)
	first, second := &address{from: "10.0.0.1"}, &address{from: "10.0.0.1"}
	a, b := all.admit(first), all.admit(second)
	a.setBusy(true)
	b.setBusy(true)
	if c := all.admit(&address{from: "10.0.0.2"}); c != nil {
		t.Error("a busy connection was displaced")
	}
	b.setBusy(false)
	if c := all.admit(&address{from: "10.0.0.2"}); c == nil || first.closed || !second.closed {
		t.Errorf("got %v; closed: %v, %v", c, first.closed, second.closed)
	}
	if err := a.Close(); err != nil || len(all.open) != 1 || len(all.bySource) != 1 {
		t.Errorf("%v: %d open, sources %v", err, len(all.open), all.bySource)
	}
	_ = b.Close() // It was displaced: nothing is counted twice.
	if len(all.open) != 1 || all.bySource["10.0.0.2"] != 1 {
		t.Errorf("%d open, sources %v", len(all.open), all.bySource)
	}
}

func TestOldestOfTheLargestSourceGoesFirst(t *testing.T) {
	t.Parallel()
	all := newConnections(4)
	var conns []*address
	for _, from := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.3"} {
		c := &address{from: from}
		all.admit(c)
		conns = append(conns, c)
		time.Sleep(time.Millisecond)
	}
	all.admit(&address{from: "10.0.0.4"})
	for i, c := range conns {
		if c.closed != (i == 1) {
			t.Errorf("connection %d is closed: %v", i, c.closed)
		}
	}
}
