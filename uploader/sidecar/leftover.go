package sidecar

import (
	"math"
	"slices"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/spool"
)

// leftOverReason is why a file of a failed attempt is not uploaded.
const leftOverReason = "left over from a failed attempt of the wrapped command"

// maxLeftOverPaths bounds the paths that a verdict names.
const maxLeftOverPaths = 5

// clockStep is longer than the step in which Linux counts the times of files: a file may seem to be that much older than it is.
const clockStep = 20 * time.Millisecond

// failedAttempt is the time of a failed attempt, up to the next one, in nanoseconds since 1970.
type failedAttempt struct{ from, until int64 }

// failedAttempts returns the times of the failed attempts, where one container alone is wrapped: then what was written in them is theirs.
func (t *commandTable) failedAttempts() []failedAttempt {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.names()) != 1 {
		return nil
	}
	var failed []failedAttempt
	attempts := t.journal.Commands()
	for i, c := range attempts {
		until := int64(math.MaxInt64)
		next := c.Attempt + 1
		if i+1 < len(attempts) {
			until, next = attempts[i+1].Began.Add(-clockStep).UnixNano(), attempts[i+1].Attempt
		}
		// Where the journal has dropped attempts, what they have stored is durable, and the rest is left over.
		if hasFailed(c) || next != c.Attempt+1 {
			failed = append(failed, failedAttempt{from: c.Began.Add(-clockStep).UnixNano(), until: until})
		}
	}
	return failed
}

func hasFailed(c journal.Command) bool {
	return c.State == journal.CommandFailed || c.State == journal.CommandLost
}

// anyFailed reports whether an attempt of a wrapped command has failed.
func (t *commandTable) anyFailed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.journal.Commands(), hasFailed)
}

// findFailures looks for the failed attempts whose files can be told from those of the others.
func (l *loop) findFailures() {
	l.failures = nil
	if l.Config.Completion != uploader.Wrap || l.Config.Spool == "" || !l.commands.anyFailed() {
		return
	}
	if nodeClock, err := l.spool.HasNodeClock(); !nodeClock {
		l.Log.Warn("look for left over files", "error", err, "effect",
			"what a failed attempt has left over is part of the run: the file system's clock may be another")
		return
	}
	l.failures = l.commands.failedAttempts()
}

// isLeftOver reports whether a file was last changed in a failed attempt.
func (l *loop) isLeftOver(state spool.State) bool {
	latest := state.Changed
	if state.Changed%int64(time.Second) == 0 { // The file system may count whole seconds.
		latest += int64(time.Second) - 1
	}
	return slices.ContainsFunc(l.failures, func(a failedAttempt) bool {
		return a.from <= state.Changed && latest < a.until
	})
}

// skipLeftOver records in the commit that a file is left over.
func (l *loop) skipLeftOver(path string) {
	if f := l.tracked[path]; f != nil && !f.sending {
		delete(l.tracked, path)
	}
	if l.commit == nil || l.skipped[path] == leftOverReason {
		return // It may still be written anew.
	}
	l.skip(path, leftOverReason)
}

// forgetLeftOver forgets which files were left over, before the commit looks for them.
func (l *loop) forgetLeftOver() {
	for path, reason := range l.skipped {
		if reason == leftOverReason {
			delete(l.skipped, path)
		}
	}
}

// leftOverFiles returns how many files are left over, and the first of them.
func (l *loop) leftOverFiles() (n int, paths []string) {
	for path, reason := range l.skipped {
		if reason == leftOverReason {
			paths = append(paths, uploader.Escape(path))
		}
	}
	slices.Sort(paths)
	if n = len(paths); n > 0 {
		n += l.moreSkipped()
	}
	return n, paths[:min(len(paths), maxLeftOverPaths)]
}

// leftOverWarning returns what the caller should know where files of a failed attempt cannot be told from those of the run.
func (l *loop) leftOverWarning() string {
	if l.Config.Completion != uploader.Wrap || len(l.failures) > 0 || !l.commands.anyFailed() {
		return ""
	}
	return "an attempt of a wrapped command has failed before: the files that it has left over are part of the run, for with several " +
		"wrapped containers, or with another clock than the node's, they cannot be told apart"
}

// describe returns the wrapped containers for the manifest.
func (t *commandTable) describe() []manifest.Container {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []manifest.Container
	for _, name := range t.names() {
		container := manifest.Container{Name: name}
		if c := t.newest[name]; c != nil && (c.State == journal.CommandSucceeded || c.State == journal.CommandFailed) {
			container.Code, container.Ended = &c.Code, c.Ended
		}
		all = append(all, container)
	}
	return all
}
