package node

import (
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// supervisor starts components and reaps every process of the namespace. os/exec is not used here: its Wait and a reaper
// would take each other's children.
type supervisor struct {
	env []string

	mu      sync.Mutex
	running map[int]string
}

func (s *supervisor) start(name, program, log string, args ...string) error {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	defer out.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	defer null.Close()
	// Held across the fork, so that the reaper cannot see a component's end before its name.
	s.mu.Lock()
	defer s.mu.Unlock()
	pid, err := syscall.ForkExec(program, append([]string{filepath.Base(program)}, args...), &syscall.ProcAttr{
		Dir: "/", Env: s.env, Files: []uintptr{null.Fd(), out.Fd(), out.Fd()},
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	s.running[pid] = name
	slog.Info("Started", "component", name, "pid", pid)
	return nil
}

// reap waits until a component ends, and returns it. Other processes, such as containers' orphans, are only reaped.
func (s *supervisor) reap() error {
	children := make(chan os.Signal, 1)
	signal.Notify(children, unix.SIGCHLD)
	for {
		for {
			var status unix.WaitStatus
			pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
			if err == unix.EINTR {
				continue
			}
			if err != nil || pid == 0 {
				break
			}
			s.mu.Lock()
			name, ok := s.running[pid]
			s.mu.Unlock()
			if ok {
				return &ComponentError{Component: name, Status: describe(status)}
			}
		}
		<-children
	}
}

func describe(status unix.WaitStatus) string {
	if status.Signaled() {
		return "signal " + unix.SignalName(status.Signal())
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}

// ComponentError reports that a component ended, which none should.
type ComponentError struct{ Component, Status string }

func (e *ComponentError) Error() string { return e.Component + " ended with " + e.Status }
