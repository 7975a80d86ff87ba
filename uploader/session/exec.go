package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sync"
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
	// Directory is the sidecar's.
	Directory string
	// Timeout bounds the wait for the sidecar after the command has ended.
	Timeout time.Duration
	// Out takes progress and errors: the container's standard error. The command's own input and output are untouched.
	Out io.Writer
}

// Run runs the command, waits until the sidecar has stored its files, and returns the exit code.
func (c *Command) Run(ctx context.Context) int {
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
	attributes := &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: foregroundProcess()}
	pid, err := syscall.ForkExec(path, c.Args, attributes) //nolint:gosec // The pod names the container's command.
	if err != nil {
		return c.cannotRun(ctx, fmt.Errorf("run %s: %w", path, err))
	}
	running, commandEnded := context.WithCancel(ctx)
	go forwardSignals(running, signals, pid)
	acknowledged := make(chan struct{})
	go c.holdSession(ctx, running, acknowledged)
	code, err := waitForCommand(pid)
	commandEnded() // From here on a signal does not matter: the files are to be stored within the grace period.
	// The next request must not overtake the session's beginning. Without a sidecar there is nothing to wait for.
	select {
	case <-acknowledged:
	case <-time.After(2 * time.Second):
	case <-ctx.Done():
	}
	if err != nil {
		return c.cannotRun(ctx, fmt.Errorf("wait for %s: %w", path, err))
	}
	if code != 0 {
		c.reportFailure(ctx, code)
		return code
	}
	return c.waitUntilStored(ctx)
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

// forwardSignals passes every signal on to the command, except those that concern this process itself.
func forwardSignals(ctx context.Context, signals <-chan os.Signal, pid int) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-signals:
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

// holdSession holds the session while the command runs, and closes acknowledged when the sidecar knows of it. It begins
// the session again when the sidecar was restarted.
func (c *Command) holdSession(ctx, running context.Context, acknowledged chan struct{}) {
	var once sync.Once
	for { // At least once: the command may have ended already.
		// The sidecar answers once. The connection lasts until one of both ends.
		_ = Ask(ctx, c.Directory, Request{Ask: AskStart, Container: c.Container}, func(Answer) bool {
			once.Do(func() { close(acknowledged) })
			return true
		})
		select {
		case <-running.Done():
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// reportFailure reports to the sidecar that the command has failed. A sidecar that cannot be reached writes no final
// manifest either, for it was not asked to.
func (c *Command) reportFailure(ctx context.Context, code int) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request := Request{Ask: AskFailed, Container: c.Container, Code: code}
	_ = Ask(ctx, c.Directory, request, func(Answer) bool { return false })
}

// waitUntilStored waits for the sidecar's verdict, and returns the exit code. When the sidecar was restarted, it asks
// again.
func (c *Command) waitUntilStored(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	reporter := newProgressReporter(c.Out)
	for {
		var verdict *Verdict
		err := Ask(ctx, c.Directory, Request{Ask: AskFinish, Container: c.Container}, func(a Answer) bool {
			if a.Progress != nil {
				reporter.showProgress(*a.Progress)
			}
			verdict = a.Verdict
			return verdict == nil
		})
		switch {
		case verdict != nil && verdict.Error == "":
			reporter.clearBar()
			c.logf("%d files with %s are stored; the manifest is %s",
				verdict.Files, formatBytes(verdict.Bytes), verdict.Manifest)
			return 0
		case verdict != nil:
			reporter.clearBar()
			c.logf("the upload failed: %s", verdict.Error)
			return exitcode.NotStored
		case ctx.Err() != nil:
			reporter.clearBar()
			c.logf("the upload failed: the sidecar did not say within %v that the files are stored: %v", c.Timeout, err)
			return exitcode.NotStored
		}
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
}
