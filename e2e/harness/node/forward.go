package node

import (
	"context"
	"io"
	"log/slog"
	"net"
	"time"
)

// forward copies every connection of the listener to the API server, until the listener is closed.
//
// A socket belongs to the network namespace that it was made in. The listener on the machine's loopback was made by the parent and
// handed down, while connections to the API server are made here: so this process joins the two networks without any
// interface or route between them.
func forward(ctx context.Context, from net.Listener) {
	for {
		conn, err := from.Accept()
		if err != nil {
			slog.Error("Accept", "address", from.Addr(), "error", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		go join(ctx, conn)
	}
}

func join(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	server, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", APIServer)
	if err != nil {
		slog.Debug("API server does not listen", "error", err) // it has not started yet; the client tries again
		return
	}
	defer server.Close()
	done := make(chan struct{}, 2)
	pipe := func(to, from net.Conn) {
		_, _ = io.Copy(to, from) // either side may go away at any time
		if tcp, ok := to.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
		done <- struct{}{}
	}
	go pipe(server, conn)
	go pipe(conn, server)
	<-done
	<-done
}
