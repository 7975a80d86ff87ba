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

// Socket is the name of the socket in the sidecar's directory.
const Socket = "socket"

// What a request asks. Requests and answers are JSON lines.
const (
	// AskReady is answered at once, with one answer.
	AskReady = "ready"
	// AskStart begins a session, which lasts as long as its connection. It is answered once, when it has begun.
	AskStart = "start"
	// AskFinish is answered with progress, and last with a verdict.
	AskFinish = "finish"
	// AskFailed says that the command has failed: what it wrote is no backup.
	AskFailed = "failed"
)

// Request is a line to the sidecar.
type Request struct {
	Ask string `json:"ask"`
	// Container is the name of the container that asks.
	Container string `json:"container,omitempty"`
	// Code is the command's exit code, for AskFailed.
	Code int `json:"code,omitempty"`
}

// Answer is a line from the sidecar.
type Answer struct {
	// Ready means that the sidecar takes files. It is the answer to AskReady.
	Ready    bool      `json:"ready,omitempty"`
	Progress *Progress `json:"progress,omitempty"`
	// Verdict is the last answer to AskFinish.
	Verdict *Verdict `json:"verdict,omitempty"`
}

// Progress is how far the sidecar is.
type Progress struct {
	// Files and Bytes are durable, of FilesTotal and BytesTotal that are known.
	Files      int   `json:"files"`
	FilesTotal int   `json:"filesTotal"`
	Bytes      int64 `json:"bytes"`
	BytesTotal int64 `json:"bytesTotal"`
}

// Verdict says how the upload ended.
type Verdict struct {
	// Error is empty when every file is durable.
	Error string `json:"error,omitempty"`
	// Manifest is the key of what says so.
	Manifest string `json:"manifest,omitempty"`
	Files    int    `json:"files"`
	Bytes    int64  `json:"bytes"`
}

// Handler is what answers requests: the sidecar.
type Handler interface {
	// Ready reports whether files are taken.
	Ready() bool
	// Start notes that a container's command runs.
	CommandStarted(container string)
	// Failed notes that it has failed, or that its session was lost.
	CommandFailed(container string, code int)
	// Finish makes everything durable that the command has written. It tells of progress now and then.
	StoreAll(ctx context.Context, container string, tell func(Progress)) Verdict
}

// Listen makes the socket, in place of one that a killed sidecar has left.
func Listen(ctx context.Context, dir string) (net.Listener, error) {
	name := filepath.Join(dir, Socket)
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("make the socket: %w", err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", name)
	if err != nil {
		return nil, fmt.Errorf("make the socket: %w", err)
	}
	// The containers of the pod may run as other users. Nobody else reaches the directory.
	if err := os.Chmod(name, 0o666); err != nil { //nolint:gosec // As above.
		return nil, errors.Join(fmt.Errorf("make the socket: %w", err), l.Close())
	}
	return l, nil
}

// Serve answers requests until ctx ends.
func Serve(ctx context.Context, l net.Listener, h Handler) error {
	stop := context.AfterFunc(ctx, func() { l.Close() }) //nolint:errcheck // Accept tells.
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

// connection is one that was accepted.
type connection struct {
	net.Conn

	handler Handler
	mu      sync.Mutex
}

// serveRequests answers the requests of one connection. What is no request ends it.
func (c *connection) serveRequests(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { c.Close() }) //nolint:errcheck // Reading tells.
	defer stop()
	defer c.Close() //nolint:errcheck // Nothing waits to be written.
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

func (c *connection) answerFinish(ctx context.Context, container string) {
	verdict := c.handler.StoreAll(ctx, container, func(p Progress) { c.writeAnswer(Answer{Progress: &p}) })
	c.writeAnswer(Answer{Verdict: &verdict})
}

func (c *connection) writeAnswer(a Answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// A client that has gone away is noticed by reading.
	_ = c.SetWriteDeadline(time.Now().Add(10 * time.Second))
	_ = json.NewEncoder(c).Encode(a)
}

// Ask sends a request and gives its answers to take, until take wants no more.
func Ask(ctx context.Context, dir string, r Request, take func(Answer) bool) error {
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, Socket))
	if err != nil {
		return fmt.Errorf("reach the sidecar: %w", err)
	}
	defer c.Close()                                      //nolint:errcheck // All that was to be read is read.
	stop := context.AfterFunc(ctx, func() { c.Close() }) //nolint:errcheck // Reading tells.
	defer stop()
	if err := json.NewEncoder(c).Encode(r); err != nil {
		return fmt.Errorf("ask the sidecar: %w", err)
	}
	for d := json.NewDecoder(c); ; {
		var a Answer
		if err := d.Decode(&a); err != nil {
			return fmt.Errorf("read the sidecar's answer: %w", err)
		}
		if !take(a) {
			return nil
		}
	}
}
