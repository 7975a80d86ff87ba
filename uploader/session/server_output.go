package session

import (
	"context"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// OutputProgress is how much of a command's standard output the sidecar has read.
type OutputProgress struct {
	Bytes int64 `json:"bytes"`
	// Delayed is why the store takes nothing at the moment; empty: it does, as far as is known.
	Delayed string `json:"delayed,omitempty"`
}

// OutputHandler is a Handler that takes the standard output of commands.
type OutputHandler interface {
	// OutputStarted takes the standard output of a command, to store it at a path. The command does not run yet. It returns a
	// function that reports the progress, or an error if the output is not to be had: then it has closed it.
	OutputStarted(a Attempt, path string, output io.ReadCloser) (func() OutputProgress, error)
}

func newConnection(c net.Conn, h Handler, s socket) *connection {
	return &connection{Conn: c, handler: h, socket: s, descriptor: -1, ended: make(chan struct{})}
}

// Read reads from the connection, and keeps one descriptor that arrives with the bytes. It closes all others: a container
// could send as many as it likes.
func (c *connection) Read(p []byte) (int, error) {
	u, ok := c.Conn.(*net.UnixConn)
	if !ok {
		return c.Conn.Read(p)
	}
	if c.control == nil {
		c.control = make([]byte, controlSize())
	}
	n, received, err := receiveDescriptors(u, p, c.control)
	for _, descriptor := range received {
		if c.descriptor < 0 {
			c.descriptor = descriptor
			continue
		}
		_ = syscall.Close(descriptor) // It is open.
	}
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// closeDescriptor closes a descriptor that no request was for.
func (c *connection) closeDescriptor() {
	if c.descriptor >= 0 {
		_ = syscall.Close(c.descriptor) // It is open.
		c.descriptor = -1
	}
}

// startSession answers AskStart. With an output, the session begins only when the sidecar holds the output.
func (c *connection) startSession(ctx context.Context, r *Request) {
	defer c.closeDescriptor()
	if err := c.handler.CommandStarted(r.Attempt); err != nil {
		c.writeAnswer(errorAnswer(err))
		return
	}
	c.session = &r.Attempt
	if r.Stdout == "" {
		c.writeAnswer(Answer{})
		return
	}
	if c.descriptor < 0 {
		c.writeAnswer(Answer{Copy: true}) // AskOutput follows, on another connection.
		return
	}
	descriptor := c.descriptor
	c.descriptor = -1
	output, err := openPipe(descriptor)
	if err != nil {
		c.writeAnswer(errorAnswer(err))
		return
	}
	c.takeOutput(ctx, r, output)
}

// takeOutput hands an output to the handler, and answers. On the connection of its session it then reports the progress.
func (c *connection) takeOutput(ctx context.Context, r *Request, output io.ReadCloser) bool {
	h, ok := c.handler.(OutputHandler)
	if !ok {
		_ = output.Close() // Nothing was read.
		c.writeAnswer(Answer{Error: "standard outputs are not taken here", Final: true})
		return false
	}
	progress, err := h.OutputStarted(r.Attempt, r.Stdout, output)
	answer := errorAnswer(err)
	answer.Final = err != nil
	c.writeAnswer(answer)
	if err == nil && r.Ask == AskStart {
		go c.reportOutput(ctx, progress)
	}
	return err == nil
}

// reportOutput reports the progress of an output until the connection ends.
func (c *connection) reportOutput(ctx context.Context, progress func() OutputProgress) {
	tick := time.NewTicker(progressInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.ended:
			return
		case <-tick.C:
			p := progress()
			c.writeAnswer(Answer{Output: &p})
		}
	}
}

// receiveOutput answers AskOutput: what follows on the connection is the output itself, until its end. The client sends
// nothing before it has the answer.
func (c *connection) receiveOutput(ctx context.Context, r *Request) {
	copied := &copiedOutput{Conn: c.Conn, closed: make(chan struct{})}
	if !c.takeOutput(ctx, r, copied) {
		return
	}
	select {
	case <-copied.closed:
	case <-ctx.Done():
	}
}

// copiedOutput is an output that arrives on a connection.
type copiedOutput struct {
	net.Conn

	closing sync.Once
	closed  chan struct{}
}

// Close implements io.Closer.
func (o *copiedOutput) Close() error {
	var err error
	o.closing.Do(func() {
		err = o.Conn.Close()
		close(o.closed)
	})
	return err
}
