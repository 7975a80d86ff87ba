package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"lighterman.dev/lighterman/internal/message"
)

// outputTimeout bounds how long a command is not started because no sidecar takes its standard output. One that has crashed
// is there again within seconds.
const outputTimeout = time.Minute

// openOutput makes the pipe of the command's standard output, begins the session with it, and returns the end for the
// command. The sidecar holds the other end then: without one that reads the output, the command must not begin.
func (c *Command) openOutput(ctx, running context.Context) (*os.File, error) {
	pipe, err := newOutputPipe()
	if err != nil {
		return nil, err
	}
	var lost <-chan struct{}
	deadline := time.Now().Add(min(outputTimeout, c.Timeout))
	for {
		lost, err = c.passOutput(ctx, pipe)
		var refused *refusedError
		if err == nil || errors.As(err, &refused) || time.Now().After(deadline) || !waitToRetry(ctx) {
			break
		}
	}
	if err != nil {
		pipe.close()
		return nil, fmt.Errorf("the command was not started, for the sidecar does not take its standard output: %w", err)
	}
	c.pipeLink = pipeLink(pipe.write)
	go c.watchOutput(ctx, running, lost)
	return pipe.write, nil
}

// watchOutput begins the session again when the sidecar was restarted while the command runs. Its output is lost then.
func (c *Command) watchOutput(ctx, running context.Context, lost <-chan struct{}) {
	select {
	case <-lost:
	case <-running.Done():
		return
	}
	if running.Err() == nil {
		c.logf("the sidecar has ended while the command runs, and what the command writes is lost: it will fail")
		c.holdSession(ctx, running, make(chan struct{}))
	}
}

// closeOutput closes this process's copy of the end that the command writes to: the sidecar would never read the end.
func (c *Command) closeOutput(stdout *os.File) {
	if c.Stdout != "" {
		_ = stdout.Close() // Nothing was written to it.
	}
}

// reportHolders names the processes that keep the output open.
func (c *Command) reportHolders() {
	if holders := pipeHolders(c.pipeLink); len(holders) > 0 {
		c.logf("the standard output of the command is still open in %s", strings.Join(holders, ", "))
	}
}

// passOutput begins the session with the read end of the pipe, and closes this process's own: the command would not hear
// that the sidecar has gone while it is open. Where the descriptor does not arrive, as between the sandboxes of gVisor, the
// output is copied through the socket. The channel is closed when the connection of the session has ended.
func (c *Command) passOutput(ctx context.Context, pipe *outputPipe) (lost <-chan struct{}, err error) {
	s, err := dialSession(ctx, c.Directory, c.Container)
	if err != nil {
		return nil, err
	}
	answer, err := s.begin(Request{Ask: AskStart, Attempt: c.attempt, Stdout: c.Stdout}, c.passedFile(pipe))
	if err == nil && answer.Copy {
		err = c.copyOutput(ctx, pipe)
	} else if err == nil {
		err = pipe.read.Close()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s.watch(ctx, newOutputReporter(c.Out)), nil
}

// passedFile returns the read end of the pipe, if it is to be passed.
func (c *Command) passedFile(pipe *outputPipe) *os.File {
	if c.CopyStdout {
		return nil
	}
	return pipe.read
}

// copyOutput copies what the command writes through a connection of its own.
func (c *Command) copyOutput(ctx context.Context, pipe *outputPipe) error {
	data, err := dialSession(ctx, c.Directory, c.Container)
	if err != nil {
		return err
	}
	if _, err := data.begin(Request{Ask: AskOutput, Attempt: c.attempt, Stdout: c.Stdout}, nil); err != nil {
		return errors.Join(err, data.Close())
	}
	c.logf("the standard output is copied through the sidecar's socket: the pipe cannot be passed here, which is slower")
	go func() {
		// The command gets an error as soon as the sidecar takes nothing more.
		defer pipe.read.Close()
		if _, err := io.Copy(data.UnixConn, pipe.read); err == nil {
			_ = data.CloseWrite() // The sidecar reads the end. The connection ends with the process.
		}
	}()
	return nil
}

// sessionConn is a connection to the sidecar.
type sessionConn struct {
	*net.UnixConn

	answers *json.Decoder
}

func dialSession(ctx context.Context, dir, container string) (*sessionConn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", socketPath(dir, container))
	if err != nil {
		return nil, fmt.Errorf("reach the sidecar: %w", err)
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("reach the sidecar: its connection is a %T", c), c.Close())
	}
	return &sessionConn{UnixConn: u, answers: json.NewDecoder(u)}, nil
}

// begin sends a request, with a file unless it is nil, and returns the answer. A file that cannot be sent is left out: the
// sidecar then asks for a copy.
func (s *sessionConn) begin(r Request, f *os.File) (Answer, error) {
	line, err := json.Marshal(r)
	if err != nil {
		return Answer{}, err
	}
	line = append(line, '\n')
	if f == nil || sendDescriptor(s.UnixConn, line, f) != nil {
		if _, err := s.Write(line); err != nil {
			return Answer{}, fmt.Errorf("ask the sidecar: %w", err)
		}
	}
	return s.readAnswer()
}

// readAnswer reads an answer. The sidecar looks at the store before it takes an output.
func (s *sessionConn) readAnswer() (Answer, error) {
	var a Answer
	if err := s.SetReadDeadline(time.Now().Add(outputTimeout)); err != nil {
		return a, err
	}
	if err := s.answers.Decode(&a); err != nil {
		return a, fmt.Errorf("read the sidecar's answer: %w", err)
	}
	if a.Error != "" && a.Final {
		return a, &refusedError{a.Error}
	}
	if a.Error != "" {
		return a, errors.New(a.Error)
	}
	return a, s.SetReadDeadline(time.Time{})
}

// watch reports the progress of the output, and closes the channel that it returns when the sidecar has ended the
// connection. The connection is closed with ctx.
func (s *sessionConn) watch(ctx context.Context, reporter *outputReporter) <-chan struct{} {
	lost := make(chan struct{})
	context.AfterFunc(ctx, func() { s.Close() })
	go func() {
		defer close(lost)
		for {
			var a Answer
			if s.answers.Decode(&a) != nil {
				return
			}
			if a.Output != nil {
				reporter.show(*a.Output, time.Now())
			}
		}
	}()
	return lost
}

// refusedError is the sidecar's answer to a request that it will never fulfil.
type refusedError struct{ text string }

func (e *refusedError) Error() string { return e.text }

// outputReporter writes a line about the progress of an output.
type outputReporter struct {
	out   io.Writer
	bytes int64
	at    time.Time
}

func newOutputReporter(out io.Writer) *outputReporter {
	return &outputReporter{out: out, at: time.Now()}
}

// show writes how much was read, and how fast since the last line.
func (r *outputReporter) show(p OutputProgress, now time.Time) {
	rate := float64(p.Bytes-r.bytes) / max(now.Sub(r.at).Seconds(), 0.001)
	r.bytes, r.at = p.Bytes, now
	line := fmt.Sprintf("lighterman: standard output: %s so far, %s/s", formatBytes(p.Bytes), formatBytes(int64(rate)))
	if p.Delayed != "" {
		line += ", waiting for the store: " + p.Delayed
	}
	_, _ = fmt.Fprintln(r.out, message.Line(line)) // It is not essential.
}
