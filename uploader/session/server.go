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

	"lighterman.dev/lighterman/internal/message"
)

// Handler handles requests: the sidecar. Its methods are called by the goroutines of the connections.
type Handler interface {
	// Ready reports whether the preflight has passed.
	Ready() bool
	// CommandStarted records that a command runs. It returns an error if another session of the container lasts.
	CommandStarted(a Attempt) error
	// CommandFailed records that a command has failed.
	CommandFailed(a Attempt, code int) error
	// SessionLost records that the connection of a session has ended, and its command was not reported to have ended.
	SessionLost(a Attempt)
	// StoreAll records that a command has ended with 0, and waits until everything is durable. It calls report now and then. ending
	// means that the pod ends. It returns nil when ctx ends first.
	StoreAll(ctx context.Context, a Attempt, ending bool, report func(Progress)) *Verdict
}

// maxConnections bounds the connections of a socket at a time. A container needs two.
const maxConnections = 64

// Server answers on the sidecar's sockets.
type Server struct{ sockets []socket }

// socket is a socket, and who speaks on it.
type socket struct {
	net.Listener

	// container is the one that speaks on it; empty: it answers AskReady alone, unless serves is set.
	container string
	// servesAll means that each container may speak on it.
	servesAll bool
}

// Listen creates the sockets, in place of those that a killed sidecar has left. Each of the wrapped containers has a socket in a directory
// of its own. Where none is named, every container speaks on the sidecar's own socket.
func Listen(ctx context.Context, dir string, containers []string) (*Server, error) {
	s := &Server{}
	if err := s.listen(ctx, dir, socket{servesAll: len(containers) == 0}); err != nil {
		return nil, err
	}
	for _, name := range containers {
		own := ContainerDirectory(dir, name)
		if err := makeDirectory(own); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		if err := s.listen(ctx, own, socket{container: name}); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// makeDirectory creates the directory of a container, which a container of any user may mount and read.
func makeDirectory(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // As the comment says.
		return fmt.Errorf("make the socket: %w", err)
	}
	for _, name := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(name, 0o755); err != nil { //nolint:gosec // As the comment says.
			return fmt.Errorf("make the socket: %w", err)
		}
	}
	return nil
}

// listen creates a socket in a directory.
func (s *Server) listen(ctx context.Context, dir string, as socket) error {
	name := filepath.Join(dir, Socket)
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("make the socket: %w", err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", name)
	if err != nil {
		return fmt.Errorf("make the socket: %w", err)
	}
	// The containers of the pod may run as other users. Only they can reach the directory.
	if err := os.Chmod(name, 0o666); err != nil { //nolint:gosec // As above.
		return errors.Join(fmt.Errorf("make the socket: %w", err), l.Close())
	}
	as.Listener = l
	s.sockets = append(s.sockets, as)
	return nil
}

// Close closes the sockets.
func (s *Server) Close() error {
	var err error
	for _, socket := range s.sockets {
		err = errors.Join(err, socket.Close())
	}
	return err
}

// Serve answers requests until ctx ends.
func (s *Server) Serve(ctx context.Context, h Handler) error {
	errs := make(chan error, len(s.sockets))
	for _, socket := range s.sockets {
		go func() { errs <- socket.serve(ctx, h) }()
	}
	var err error
	for range s.sockets {
		err = errors.Join(err, <-errs)
	}
	return err
}

// serve answers the requests of one socket.
func (s socket) serve(ctx context.Context, h Handler) error {
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	var connections sync.WaitGroup
	defer connections.Wait()
	places := make(chan struct{}, maxConnections)
	for {
		c, err := s.Accept()
		if err != nil && ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("answer on the socket: %w", err)
		}
		select {
		case places <- struct{}{}:
			connections.Go(func() {
				defer func() { <-places }()
				newConnection(c, h, s).serveRequests(ctx)
			})
		default:
			c.Close()
		}
	}
}

// connection is an accepted connection.
type connection struct {
	net.Conn

	handler Handler
	socket  socket
	mu      sync.Mutex // of writing
	// control is the memory for what arrives beside the bytes; descriptor is one that has, and no request has taken; -1: none.
	control    []byte
	descriptor int
	// ended is closed with the connection.
	ended chan struct{}
	// session is the one that lasts as long as the connection; nil: none.
	session *Attempt
}

// serveRequests answers the requests of the connection. A line that is not a request ends it.
func (c *connection) serveRequests(ctx context.Context) {
	// An answer that is on its way may still be written.
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	defer c.Close()
	defer c.closeDescriptor()
	defer close(c.ended)
	for lines := bufio.NewScanner(io.LimitReader(c, 1<<20)); lines.Scan(); {
		var r Request
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			break
		}
		c.answer(ctx, &r)
	}
	if c.session != nil && ctx.Err() == nil {
		c.handler.SessionLost(*c.session)
	}
}

// answer answers a request.
func (c *connection) answer(ctx context.Context, r *Request) {
	if r.Ask == AskReady {
		c.writeAnswer(Answer{Ready: c.handler.Ready()})
		return
	}
	if err := c.socket.authorize(r); err != nil {
		c.writeAnswer(Answer{Error: err.Error()})
		return
	}
	switch r.Ask {
	case AskStart:
		c.startSession(ctx, r)
	case AskOutput:
		c.receiveOutput(ctx, r)
	case AskFailed:
		c.session = nil
		c.writeAnswer(errorAnswer(c.handler.CommandFailed(r.Attempt, r.Code)))
	case AskFinish:
		c.session = nil
		report := func(p Progress) { c.writeAnswer(Answer{Progress: &p}) }
		if verdict := c.handler.StoreAll(ctx, r.Attempt, r.Ending, report); verdict != nil {
			c.writeAnswer(Answer{Verdict: verdict})
		}
	default:
		c.writeAnswer(Answer{Error: fmt.Sprintf("the request %q does not exist", r.Ask)})
	}
}

// authorize returns an error if the request is not for whom the socket speaks. A request without a container is for the socket's own.
func (s socket) authorize(r *Request) error {
	switch {
	case s.servesAll:
		return nil
	case s.container == "":
		return fmt.Errorf("%q is refused here: a wrapped container speaks on the socket in its own directory", r.Ask)
	case r.Container == "":
		r.Container = s.container
		return nil
	case r.Container != s.container:
		return fmt.Errorf("%q is refused: container %q cannot speak for container %q", r.Ask, s.container, r.Container)
	}
	return nil
}

// errorAnswer returns the answer that holds an error, if there is one.
func errorAnswer(err error) Answer {
	if err == nil {
		return Answer{}
	}
	return Answer{Error: err.Error()}
}

// writeAnswer writes an answer, without a secret: the other process knows none. Errors are ignored: reading finds that the client
// has gone away.
func (c *connection) writeAnswer(a Answer) {
	a.Error = message.Mask(a.Error)
	if a.Verdict != nil {
		shown := *a.Verdict
		shown.Error = message.Mask(shown.Error)
		a.Verdict = &shown
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.SetWriteDeadline(time.Now().Add(10 * time.Second))
	_ = json.NewEncoder(c).Encode(a)
}
