package session

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Handler handles requests: the sidecar. Its methods are called by the goroutines of the connections.
type Handler interface {
	// Ready reports whether the preflight has passed.
	Ready() bool
	// CommandStarted records that a container's command runs.
	CommandStarted(container string)
	// CommandFailed records that it has failed. A negative code means that its session was lost.
	CommandFailed(container string, code int)
	// StoreAll waits until everything is durable that the command has written. It calls report now and then.
	StoreAll(ctx context.Context, container string, report func(Progress)) Verdict
}

// Listen creates the socket, in place of one that a killed sidecar has left.
func Listen(ctx context.Context, dir string) (net.Listener, error) {
	name := filepath.Join(dir, Socket)
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("make the socket: %w", err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", name)
	if err != nil {
		return nil, fmt.Errorf("make the socket: %w", err)
	}
	// The containers of the pod may run as other users. Only they can reach the directory.
	if err := os.Chmod(name, 0o666); err != nil { //nolint:gosec // As above.
		return nil, errors.Join(fmt.Errorf("make the socket: %w", err), l.Close())
	}
	return l, nil
}

// Serve answers requests until ctx ends.
func Serve(ctx context.Context, l net.Listener, h Handler) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var connections sync.WaitGroup
	defer connections.Wait()
	for {
		c, err := l.Accept()
		if err != nil && ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("answer on the socket: %w", err)
		}
		connections.Go(func() { (&connection{Conn: c, handler: h}).serveRequests(ctx) })
	}
}

// connection is an accepted connection.
type connection struct {
	net.Conn

	handler Handler
	mu      sync.Mutex // of writing
}

// serveRequests answers the requests of the connection. A line that is not a request ends it.
func (c *connection) serveRequests(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	defer c.Close()
	session := ""
	for lines := bufio.NewScanner(io.LimitReader(c, 1<<20)); lines.Scan(); {
		var r Request
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			break
		}
		switch r.Ask {
		case AskReady:
			c.writeAnswer(Answer{Ready: c.handler.Ready()})
		case AskStart:
			session = r.Container
			c.handler.CommandStarted(session)
			c.writeAnswer(Answer{})
		case AskFailed:
			session = ""
			c.handler.CommandFailed(r.Container, r.Code)
			c.writeAnswer(Answer{})
		case AskFinish:
			session = ""
			c.answerFinish(ctx, r.Container)
		}
	}
	if session != "" && ctx.Err() == nil {
		c.handler.CommandFailed(session, -1)
	}
}

// answerFinish answers AskFinish with progress and the verdict.
func (c *connection) answerFinish(ctx context.Context, container string) {
	verdict := c.handler.StoreAll(ctx, container, func(p Progress) { c.writeAnswer(Answer{Progress: &p}) })
	c.writeAnswer(Answer{Verdict: &verdict})
}

// writeAnswer writes an answer. Errors are ignored: reading finds that the client has gone away.
func (c *connection) writeAnswer(a Answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.SetWriteDeadline(time.Now().Add(10 * time.Second))
	_ = json.NewEncoder(c).Encode(a)
}
