package sidecar

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"lighterman.dev/lighterman/uploader/session"
)

// wrappedCommand is the state of a container's command that "uploader exec" runs.
type wrappedCommand struct {
	state commandState
	code  int // of commandFailed; negative: the session was lost
}

type commandState int

const (
	commandRunning   commandState = iota
	commandFinishing              // it ended with 0, and waits for its files
	commandFinished
	commandFailed
)

// The methods of session.Handler run in the goroutines of the socket.
var _ session.Handler = (*sidecar)(nil)

// Ready reports whether the preflight has passed.
func (s *sidecar) Ready() bool { return s.ready.Load() }

// CommandStarted records that the command of a container runs.
func (s *sidecar) CommandStarted(container string) {
	s.post(func(l *loop) {
		if l.commands[container].state != commandFinishing {
			l.Log.Info("command started", "container", container)
			l.commands[container] = wrappedCommand{}
		}
	})
}

// CommandFailed records that the command of a container has failed. A negative code means that its session was lost.
func (s *sidecar) CommandFailed(container string, code int) {
	s.post(func(l *loop) {
		if current, known := l.commands[container]; code < 0 && (!known || current.state != commandRunning) {
			return
		}
		l.Log.Warn("command failed", "container", container, "code", code, "effect", "no final manifest is written")
		l.commands[container] = wrappedCommand{state: commandFailed, code: code}
	})
}

// StoreAll waits until everything is durable that the command of a container has written.
func (s *sidecar) StoreAll(ctx context.Context, container string, report func(session.Progress)) session.Verdict {
	verdict := make(chan session.Verdict, 1)
	s.post(func(l *loop) {
		l.commands[container] = wrappedCommand{state: commandFinishing}
		l.addWaiter(&waiter{
			deadline: time.Now().Add(time.Duration(l.Config.DrainTimeoutSeconds) * time.Second),
			reply: func(err error) {
				l.commands[container] = wrappedCommand{state: commandFinished}
				verdict <- l.newVerdict(err)
			},
		})
	})
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case v := <-verdict:
			return v
		case <-ctx.Done():
			return session.Verdict{Error: "the sidecar ends"}
		case <-tick.C:
			s.post(func(l *loop) { report(l.currentProgress()) })
		}
	}
}

// anyCommandRuns reports whether a wrapped command has not ended.
func (l *loop) anyCommandRuns() bool {
	for _, command := range l.commands {
		if command.state == commandRunning {
			return true
		}
	}
	return false
}

// commandError returns the error of the first wrapped command that has failed: what it wrote is no backup.
func (l *loop) commandError() error {
	for _, container := range slices.Sorted(maps.Keys(l.commands)) {
		if command := l.commands[container]; command.state == commandFailed {
			how := fmt.Sprintf("failed with code %d", command.code)
			if command.code < 0 {
				how = "was lost, for it was killed"
			}
			return fmt.Errorf("the command of container %q %s: what it wrote is no backup, and no final manifest was written",
				container, how)
		}
	}
	return nil
}
