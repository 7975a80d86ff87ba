package session

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/term"

	"lighterman.dev/lighterman/internal/exitcode"
	"lighterman.dev/lighterman/internal/message"
)

// Command is a container's command that ends only when its files are durable.
type Command struct {
	// Args are the command and its arguments.
	Args []string
	// Container is the container's name.
	Container string
	// Stdout is the path at which the command's standard output is stored, in place of files; empty: the output is untouched.
	Stdout string
	// CopyStdout copies the output through the socket also where its pipe could be passed.
	CopyStdout bool
	// Directory is the sidecar's.
	Directory string
	// Timeout bounds the wait for the sidecar after the command has ended.
	Timeout time.Duration
	// Out takes progress and errors: the container's standard error. The command's own input and output are untouched.
	Out io.Writer

	attempt Attempt
	// pipeLink is the name of the output's pipe in /proc/PID/fd.
	pipeLink string
	// ending means that the pod ends: no container of it starts again.
	ending atomic.Bool
}

// startTimeout bounds how long the command waits for the sidecar to record its session. The record should be older than the first file:
// it tells the files of this attempt from those of an earlier one.
const startTimeout = 2 * time.Second

// Run runs the command, waits until the sidecar has stored its files, and returns the exit code.
func (c *Command) Run(ctx context.Context) int {
	c.attempt = Attempt{Container: c.Container, Session: rand.Text(), Began: time.Now().UTC()}
	path, err := exec.LookPath(c.Args[0])
	if err != nil {
		return c.cannotRun(ctx, err)
	}
	// Signals that arrive before the child exists are kept for it.
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	defer signal.Stop(signals)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	running, commandEnded := context.WithCancel(ctx)
	defer commandEnded()
	stdout, err := c.beginSession(ctx, running)
	if err != nil {
		c.logf("%v", err)
		c.reportFailure(ctx, exitcode.NotStored)
		return exitcode.NotStored
	}
	attributes := &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, stdout.Fd(), 2}, Sys: foregroundProcess()}
	pid, err := syscall.ForkExec(path, c.Args, attributes) //nolint:gosec // The pod names the container's command.
	c.closeOutput(stdout)
	if err != nil {
		return c.cannotRun(ctx, fmt.Errorf("run %s: %w", path, err))
	}
	go c.forwardSignals(running, signals, pid)
	code, err := waitForCommand(pid)
	commandEnded()
	if err != nil {
		return c.cannotRun(ctx, fmt.Errorf("wait for %s: %w", path, err))
	}
	if code != 0 {
		c.reportFailure(ctx, code)
		return code
	}
	code = c.waitUntilStored(ctx, signals)
	if code != 0 {
		c.reportHolders()
	}
	return code
}

// beginSession begins the session, and returns what the command's standard output is to be. Without an output that is stored, the command
// does not depend on the sidecar while it runs.
func (c *Command) beginSession(ctx, running context.Context) (stdout *os.File, err error) {
	if c.Stdout != "" {
		return c.openOutput(ctx, running)
	}
	recorded := make(chan struct{})
	go c.holdSession(ctx, running, recorded)
	select {
	case <-recorded:
	case <-time.After(startTimeout): // The session goes on trying. Without a sidecar there is nothing to wait for.
	case <-ctx.Done():
	}
	return os.Stdout, nil
}

// cannotRun reports that the command cannot be run, and returns the exit code.
func (c *Command) cannotRun(ctx context.Context, err error) int {
	c.logf("%v", err)
	code := exitcode.CannotRun
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		code = exitcode.NotFound
	}
	c.reportFailure(ctx, code)
	return code
}

// logf writes one line for people, in which a store's own words are harmless. An error of writing is ignored.
func (c *Command) logf(format string, args ...any) {
	_, _ = fmt.Fprintln(c.Out, "lighterman: "+message.Line(fmt.Sprintf(format, args...)))
}

// foregroundProcess returns the attributes that make the command the foreground process of the container's terminal;
// nil: there is no terminal.
func foregroundProcess() *syscall.SysProcAttr {
	if !term.IsTerminal(0) {
		return nil
	}
	return &syscall.SysProcAttr{Foreground: true, Ctty: 0}
}

// ownSignals concern this process: SIGCHLD its child, SIGPIPE its connection to a sidecar that was killed, SIGURG Go's scheduler, which
// interrupts itself, and SIGTTOU and SIGTTIN the terminal, which is the command's.
var ownSignals = map[syscall.Signal]bool{
	syscall.SIGCHLD: true, syscall.SIGPIPE: true, syscall.SIGURG: true, syscall.SIGTTOU: true, syscall.SIGTTIN: true,
}

// forwardSignals passes every signal on to the command, except those that concern this process itself. It remembers the one by which the
// kubelet ends a container.
func (c *Command) forwardSignals(ctx context.Context, signals <-chan os.Signal, pid int) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-signals:
			if s == syscall.SIGTERM {
				c.ending.Store(true)
			}
			if number, ok := s.(syscall.Signal); ok && !ownSignals[number] {
				_ = syscall.Kill(pid, number) // The command may just have ended.
			}
		}
	}
}

// waitForCommand waits for the command and returns its exit code. It also reaps orphans: the first process of a
// container inherits them.
func waitForCommand(pid int) (code int, err error) {
	for {
		var status syscall.WaitStatus
		got, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, err
		case got == pid && status.Exited():
			return status.ExitStatus(), nil
		case got == pid && status.Signaled():
			return exitcode.FromSignal(status.Signal()), nil
		}
	}
}

// holdSession holds the session while the command runs, and closes recorded when the sidecar knows of it. It begins the session again
// when the sidecar was restarted.
func (c *Command) holdSession(ctx, running context.Context, recorded chan struct{}) {
	var once sync.Once
	for running.Err() == nil {
		// The sidecar answers once. The connection lasts until one of both ends.
		_ = Ask(ctx, c.Directory, Request{Ask: AskStart, Attempt: c.attempt}, func(Answer) bool {
			once.Do(func() { close(recorded) })
			return true
		})
		waitToRetry(running)
	}
}

const (
	// retryPause is the time between two attempts to reach the sidecar.
	retryPause = 200 * time.Millisecond
	// failureTimeout bounds how long a failure is reported, until the sidecar has recorded it: it may be starting again.
	failureTimeout = 30 * time.Second
	// absentTimeout is the same where the sidecar has never made its socket.
	absentTimeout = 2 * time.Second
)

// reportFailure reports to the sidecar that the command has failed, until the sidecar has recorded it. A sidecar that cannot be reached
// completes no run either, for it does not hear that the command has ended with 0.
func (c *Command) reportFailure(ctx context.Context, code int) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, failureTimeout)
	defer cancel()
	request := Request{Ask: AskFailed, Attempt: c.attempt, Code: code}
	for {
		err := Ask(ctx, c.Directory, request, func(Answer) bool { return false })
		if err == nil {
			return
		}
		absent := errors.Is(err, os.ErrNotExist) && time.Since(began) > absentTimeout
		if absent || !waitToRetry(ctx) {
			c.logf("the sidecar did not hear that the command failed: %v", err)
			return
		}
	}
}

// waitToRetry waits for retryPause, and reports whether it has passed before ctx ended.
func waitToRetry(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(retryPause):
		return true
	}
}
