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
)

// Command is a container's command, and the sidecar that it depends on.
type Command struct {
	// Args are the command and its arguments.
	Args []string
	// Container is the container's name.
	Container string
	// Directory is the sidecar's.
	Directory string
	// Timeout bounds the wait for the sidecar after the command has ended.
	Timeout time.Duration
	// Out is for progress and errors: the container's standard error. The command's own input and output are untouched.
	Out io.Writer
}

// Run runs the command, waits for the sidecar, and gives the exit code.
func (c *Command) Run(ctx context.Context) int {
	path, err := exec.LookPath(c.Args[0])
	if err != nil {
		return c.cannotRun(ctx, err)
	}
	// Signals that come before the child is there are kept for it.
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	defer signal.Stop(signals)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pid, err := syscall.ForkExec(path, c.Args, &syscall.ProcAttr{ //nolint:gosec // It is the command that the pod gave the container.
		Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: foregroundProcess(),
	})
	if err != nil {
		return c.cannotRun(ctx, fmt.Errorf("run %s: %w", path, err))
	}
	running, commandEnded := context.WithCancel(ctx)
	go forwardSignals(running, signals, pid)
	acknowledged := make(chan struct{})
	go c.holdSession(ctx, running, acknowledged)
	code, err := waitForCommand(pid)
	commandEnded() // From here on a signal does not matter: the files are to be stored within the grace period.
	// What is said next must not overtake the session's beginning. Without a sidecar there is nothing to overtake.
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

func (c *Command) cannotRun(ctx context.Context, err error) int {
	c.logf("%v", err)
	code := exitcode.CannotRun
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		code = exitcode.NotFound
	}
	c.reportFailure(ctx, code)
	return code
}

// logf writes a line for people. Nobody may read it.
func (c *Command) logf(format string, args ...any) {
	_, _ = fmt.Fprintf(c.Out, "lighterman: "+format+"\n", args...)
}

// foregroundProcess keeps the command the foreground process of a terminal, if the container has one.
func foregroundProcess() *syscall.SysProcAttr {
	if !term.IsTerminal(0) {
		return nil
	}
	return &syscall.SysProcAttr{Foreground: true, Ctty: 0}
}

// forwardSignals passes on every signal but those that are about this process itself.
func forwardSignals(ctx context.Context, signals <-chan os.Signal, pid int) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-signals:
			number, ok := s.(syscall.Signal)
			// SIGCHLD is of our own child; SIGURG is how Go's scheduler interrupts itself; SIGTTOU and SIGTTIN come because
			// the terminal is the command's.
			if ok && number != syscall.SIGCHLD && number != syscall.SIGURG && number != syscall.SIGTTOU && number != syscall.SIGTTIN {
				_ = syscall.Kill(pid, number) // It may just have ended.
			}
		}
	}
}

// waitForCommand waits for the command, and for orphans: as the first process of a container this one inherits them.
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

// holdSession tells the sidecar that the command runs, and closes begun when the sidecar knows. A sidecar that was
// restarted is told again, as long as the command is running.
func (c *Command) holdSession(ctx, running context.Context, acknowledged chan struct{}) {
	var once sync.Once
	for { // Once in any case: the command may have ended before this began.
		// The sidecar answers once: the connection lasts as long as both do.
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

// reportFailure tells the sidecar. One that cannot be reached writes no manifest either: nobody has asked it to.
func (c *Command) reportFailure(ctx context.Context, code int) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_ = Ask(ctx, c.Directory, Request{Ask: AskFailed, Container: c.Container, Code: code}, func(Answer) bool { return false })
}

// waitUntilStored waits until the sidecar says that all is durable. A sidecar that goes away is waited for: it is
// restarted, and goes on.
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
			c.logf("%d files with %s are stored; the manifest is %s", verdict.Files, formatBytes(verdict.Bytes), verdict.Manifest)
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
