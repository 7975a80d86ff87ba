package sidecar

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/session"
)

// reconnectTime is how long the exec of a command that ran has, after the sidecar was started again, to take up its session.
const reconnectTime = 15 * time.Second

// commandTable holds the attempts of the wrapped commands. The goroutines of the sockets write it, so that an attempt is recorded before
// it is acknowledged, also while the preflight runs. What was recorded outlives the sidecar: it is in the journal.
type commandTable struct {
	log *slog.Logger
	// containers are those that the configuration names; none: any container may run a command.
	containers []string
	// changed has a value when an attempt was recorded since it was last read.
	changed chan struct{}

	mu      sync.Mutex
	journal *journal.Journal
	newest  map[string]*commandAttempt // by container
}

// commandAttempt is the newest attempt of a container.
type commandAttempt struct {
	journal.Command

	// connected means that the connection of its session lasts.
	connected bool
}

func newCommandTable(containers []string, log *slog.Logger) *commandTable {
	return &commandTable{
		log: log, containers: containers, changed: make(chan struct{}, 1), newest: map[string]*commandAttempt{},
	}
}

// restore takes over the attempts that an earlier process has recorded.
func (t *commandTable) restore(j *journal.Journal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.journal = j
	for _, c := range j.Commands() {
		t.newest[c.Container] = &commandAttempt{Command: c}
	}
}

var (
	errOtherSession = errors.New("the command of the container runs in another session")
	errHasFailed    = errors.New("the command of the container has failed")
)

// begin records that an attempt has begun, or goes on after the sidecar was started again.
func (t *commandTable) begin(a session.Attempt) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	current := t.newest[a.Container]
	if t.isCurrent(a) && (current.State == journal.CommandRunning || current.State == journal.CommandLost) {
		current.connected = true
		if current.State == journal.CommandLost {
			current.State, current.Ended = journal.CommandRunning, time.Time{}
			t.record(current)
		}
		return nil
	}
	if t.isCurrent(a) && a.Session != "" {
		return nil // It has ended already.
	}
	c, err := t.add(a)
	if err != nil {
		return err
	}
	c.connected = true
	t.log.Info("command started", "container", a.Container, "attempt", c.Attempt)
	t.record(c)
	return nil
}

// isCurrent reports whether an attempt is the newest of its container.
func (t *commandTable) isCurrent(a session.Attempt) bool {
	current := t.newest[a.Container]
	return current != nil && current.Session == a.Session
}

// isRunning reports whether an attempt is the newest of its container, and its command is not known to have ended.
func (t *commandTable) isRunning(a session.Attempt) bool { return t.inState(a, journal.CommandRunning) }

// hasSucceeded reports whether an attempt is the newest of its container, and its command has ended with 0.
func (t *commandTable) hasSucceeded(a session.Attempt) bool {
	return t.inState(a, journal.CommandSucceeded)
}

func (t *commandTable) inState(a session.Attempt, state journal.CommandState) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.isCurrent(a) && t.newest[a.Container].State == state
}

// add adds an attempt. It returns an error while the session of another one lasts: two instances of a container never run at a time.
func (t *commandTable) add(a session.Attempt) (*commandAttempt, error) {
	t.awaitClock(a.Container)
	now := time.Now().UTC()
	c := &commandAttempt{Command: journal.Command{
		Container: a.Container, Attempt: 1, Session: a.Session, Began: a.Began, State: journal.CommandRunning,
	}}
	if c.Began.IsZero() || c.Began.After(now) {
		c.Began = now
	}
	if former := t.newest[a.Container]; former != nil {
		if former.connected && former.State == journal.CommandRunning {
			return nil, errOtherSession
		}
		reported := former.State != journal.CommandRunning
		if !reported {
			former.State, former.Ended = journal.CommandLost, now
			t.record(former)
		}
		c.Attempt = former.Attempt + 1
		if reported && c.Began.Before(former.Ended.Add(clockStep)) {
			c.Began = former.Ended.Add(clockStep)
		}
		if c.Began.Before(former.Began) {
			c.Began = former.Began
		}
	}
	t.newest[a.Container] = c
	return c, nil
}

// awaitClock waits until a file of a container's next attempt cannot seem to be older than the end of the one that has failed.
func (t *commandTable) awaitClock(container string) {
	if former := t.newest[container]; former != nil && hasFailed(former.Command) {
		time.Sleep(min(clockStep, max(0, time.Until(former.Ended.Add(clockStep)))))
	}
}

// record records the state of a container's newest attempt, and tells the loop.
func (t *commandTable) record(c *commandAttempt) {
	t.journal.RecordCommand(c.Command)
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

// end records how an attempt has ended. One that is not known yet is added: its beginning was not heard.
func (t *commandTable) end(a session.Attempt, state journal.CommandState, code int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.isCurrent(a) {
		if current := t.newest[a.Container]; current != nil && a.Session == "" {
			return errOtherSession
		}
		if _, err := t.add(a); err != nil {
			return err
		}
	}
	c := t.newest[a.Container]
	switch {
	case c.State == state:
		return nil // It is reported once more.
	case c.State == journal.CommandFailed && state == journal.CommandSucceeded:
		return errHasFailed
	}
	c.State, c.Code, c.Ended, c.connected = state, code, time.Now().UTC(), false
	t.record(c)
	if state == journal.CommandFailed {
		t.log.Warn("command failed", "container", c.Container, "attempt", c.Attempt, "code", code)
	} else {
		t.log.Info("command succeeded", "container", c.Container, "attempt", c.Attempt)
	}
	return nil
}

// lose records that the session of an attempt has ended without a report.
func (t *commandTable) lose(a session.Attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.isCurrent(a) && t.newest[a.Container].State == journal.CommandRunning {
		t.loseAttempt(t.newest[a.Container])
	}
}

// loseUnconnected records that the sessions are lost which were not taken up after the sidecar was started again.
func (t *commandTable) loseUnconnected() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.newest {
		if c.State == journal.CommandRunning && !c.connected {
			t.loseAttempt(c)
		}
	}
}

func (t *commandTable) loseAttempt(c *commandAttempt) {
	c.State, c.Ended, c.connected = journal.CommandLost, time.Now().UTC(), false
	t.record(c)
	t.log.Warn("command failed", "container", c.Container, "attempt", c.Attempt, "reason", "its session was lost")
}

// names returns the wrapped containers: those that the configuration names, or those that have run a command.
func (t *commandTable) names() []string {
	if len(t.containers) > 0 {
		return t.containers
	}
	return slices.Sorted(maps.Keys(t.newest))
}

// anyBegan reports whether a wrapped command has begun.
func (t *commandTable) anyBegan() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.newest) > 0
}

// anySucceeded reports whether an attempt of a wrapped command has ended with 0.
func (t *commandTable) anySucceeded() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.journal.Commands(), func(c journal.Command) bool {
		return c.State == journal.CommandSucceeded
	})
}

// waitingFor returns the containers whose command has not ended with 0.
func (t *commandTable) waitingFor() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var waiting []string
	for _, name := range t.names() {
		if c := t.newest[name]; c == nil || c.State != journal.CommandSucceeded {
			waiting = append(waiting, name)
		}
	}
	return waiting
}

// allSucceeded reports whether each wrapped command has ended with 0, and there is one.
func (t *commandTable) allSucceeded() bool { return t.anyBegan() && len(t.waitingFor()) == 0 }

// failure returns the error of the first wrapped command that has failed; nil: none has.
func (t *commandTable) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range t.names() {
		c := t.newest[name]
		if c == nil {
			continue
		}
		switch c.State {
		case journal.CommandFailed:
			return incompleteError("the command of container %q failed with code %d in attempt %d", name, c.Code, c.Attempt)
		case journal.CommandLost:
			return incompleteError("the command of container %q was lost in attempt %d, for the container was killed", name, c.Attempt)
		case journal.CommandRunning, journal.CommandSucceeded:
		}
	}
	return nil
}

// absence returns the error of the first wrapped command that has not begun; nil: each has.
func (t *commandTable) absence() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range t.names() {
		if t.newest[name] == nil {
			return incompleteError("the command of container %q never began", name)
		}
	}
	return nil
}

// incompletenessAtEnd returns why the run is not complete when the pod ends; nil: each command has ended with 0.
func (t *commandTable) incompletenessAtEnd() error {
	t.loseUnconnected()
	if err := t.failure(); err != nil {
		return err
	}
	if err := t.absence(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range t.names() {
		if c := t.newest[name]; c.State == journal.CommandRunning {
			return incompleteError("the command of container %q had not ended in attempt %d when the pod ended", name, c.Attempt)
		}
	}
	return nil
}

func incompleteError(format string, args ...any) error {
	return fmt.Errorf("%s: what it wrote is no backup, and the run is not complete", fmt.Sprintf(format, args...))
}
