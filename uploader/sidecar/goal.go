package sidecar

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/session"
)

// wrappedCommand is how far a wrapped command is.
type wrappedCommand struct {
	state commandState
	code  int
}

type commandState int

const (
	running commandState = iota
	finishing
	finished
	failed
)

// goal is somebody who waits until all is durable: a wrapped command that has ended, or the drain.
type goal struct {
	deadline time.Time
	// closing means that the manifest is being written.
	closing bool
	reply   func(error)
}

// ending reports whether nobody writes any more, so that whatever is in the spool counts as complete.
func (s *sidecar) ending() bool {
	if s.draining {
		return true
	}
	return len(s.goals) > 0 && !s.some(running)
}

func (s *sidecar) some(state commandState) bool {
	for _, command := range s.commands {
		if command.state == state {
			return true
		}
	}
	return false
}

// aim adds a goal. What failed for good is tried once more: somebody may have mended it.
func (s *sidecar) aim(g *goal) {
	s.goals = append(s.goals, g)
	for _, f := range s.files {
		f.final, f.due = false, time.Time{}
	}
	s.walk()
}

// reach tells those who wait what has become of it.
func (s *sidecar) reach() {
	late := slices.ContainsFunc(s.goals, func(g *goal) bool { return time.Now().After(g.deadline) })
	if len(s.goals) == 0 || (s.busy > 0 && !late) {
		return // There may be thousands of files: they are not counted each time that one of them is stored.
	}
	left, hopeless := s.left()
	for _, g := range slices.Clone(s.goals) {
		late := time.Now().After(g.deadline)
		switch {
		case len(left) == 0 && s.failure() != nil:
			s.resolve(g, nil) // All is durable, and another command has failed: there is no manifest to be written.
		case len(left) == 0 && !g.closing && !s.written.busy:
			g.closing = true
			s.writeManifest(s.ending(), func(err error) { s.resolve(g, err) })
		case len(left) == 0 && late:
			s.resolve(g, errors.New("every file is stored, but the manifest could not be written in time"))
		case len(left) > 0 && hopeless:
			s.resolve(g, s.describe(left, "not stored"))
		case len(left) > 0 && late:
			s.resolve(g, s.describe(left, "not stored in time"))
		}
	}
}

func (s *sidecar) resolve(g *goal, err error) {
	if at := slices.Index(s.goals, g); at >= 0 {
		s.goals = slices.Delete(s.goals, at, at+1)
		g.reply(err)
	}
}

// left are the files that are still to be stored; hopeless means that trying on would not help.
func (s *sidecar) left() (left []string, hopeless bool) {
	hopeless = true
	for path, f := range s.files {
		if f.writing && !s.ending() && !f.queued {
			continue // Another container writes it.
		}
		if uploader.Temporary(path) && !s.ending() {
			continue
		}
		left = append(left, path)
		hopeless = hopeless && f.final && !f.sending && !f.queued
	}
	return left, hopeless
}

// describe says which files are not stored, and why.
func (s *sidecar) describe(left []string, what string) error {
	slices.Sort(left)
	var reasons []string
	var first error
	for _, path := range left {
		f := s.files[path]
		err := cmp.Or(f.delay, f.err)
		switch {
		case err != nil:
			first = cmp.Or(first, err)
			reasons = append(reasons, fmt.Sprintf("%s: %v: %s", uploader.Escape(path), err, objstore.CureOf(err)))
		case f.writing:
			reasons = append(reasons, uploader.Escape(path)+" is still open for writing")
		default:
			reasons = append(reasons, uploader.Escape(path)+" is not finished: raise spec.uploader.drainTimeoutSeconds")
		}
		if len(reasons) == 5 && len(left) > 6 {
			reasons = append(reasons, fmt.Sprintf("and %d more", len(left)-5))
			break
		}
	}
	text := fmt.Sprintf("%d of %d files %s: %s", len(left), len(left)+len(s.journal.Entries()), what, strings.Join(reasons, "; "))
	return &notStored{text: text, err: first}
}

// notStored keeps the first file's error for its class.
type notStored struct {
	text string
	err  error
}

func (e *notStored) Error() string { return e.text }

func (e *notStored) Unwrap() error { return e.err }

// drain is what the pod's end asks for.
func (s *sidecar) drain(ctx context.Context, ended chan<- error) {
	s.draining = true
	timeout := time.Duration(s.Config.DrainTimeoutSeconds) * time.Second
	timeout -= min(margin, timeout/10)
	s.Log.Info("the pod ends", "timeout", timeout)
	if s.neverBegan() {
		ended <- nil
		return
	}
	if err := s.failure(); err != nil {
		s.giveUp(ctx)
		ended <- err
		return
	}
	s.aim(&goal{deadline: time.Now().Add(timeout), reply: func(err error) {
		if err != nil {
			s.giveUp(ctx)
		}
		ended <- err
	}})
}

// neverBegan reports whether there is no backup that a manifest could tell of: the store was not proved to work, or the
// container of the command could not be started.
func (s *sidecar) neverBegan() bool {
	awaited := s.Config.Completion == uploader.Wrap && len(s.commands) == 0
	return (!s.ready.Load() || awaited) && len(s.files) == 0 && len(s.journal.Entries()) == 0
}

// failure is that of a wrapped command: what it wrote is no backup.
func (s *sidecar) failure() error {
	for _, container := range slices.Sorted(maps.Keys(s.commands)) {
		if command := s.commands[container]; command.state == failed {
			how := fmt.Sprintf("failed with code %d", command.code)
			if command.code < 0 {
				how = "was lost, for it was killed"
			}
			return fmt.Errorf("the command of container %q %s: what it wrote is no backup, and no final manifest was written", container, how)
		}
	}
	return nil
}

// giveUp frees what was begun: nobody will go on with it.
func (s *sidecar) giveUp(ctx context.Context) {
	s.stop()
	s.workers.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), margin/2)
	defer cancel()
	for _, u := range s.journal.Uploads() {
		s.abort(ctx, u.Key, u.ID)
	}
}

// Ready reports whether files are taken.
func (s *sidecar) Ready() bool { return s.ready.Load() }

// Start notes that the command of a container runs.
func (s *sidecar) Start(container string) {
	s.ask(func() {
		if s.commands[container].state != finishing {
			s.Log.Info("the command runs", "container", container)
			s.commands[container] = wrappedCommand{}
		}
	})
}

// Failed notes that it has failed, or, with a negative code, that nobody knows what has become of it.
func (s *sidecar) Failed(container string, code int) {
	s.ask(func() {
		if current, known := s.commands[container]; code < 0 && (!known || current.state != running) {
			return
		}
		s.Log.Warn("the command has failed: no final manifest will be written", "container", container, "code", code)
		s.commands[container] = wrappedCommand{state: failed, code: code}
	})
}

// Finish makes everything durable that the command of a container has written.
func (s *sidecar) Finish(ctx context.Context, container string, tell func(session.Progress)) session.Verdict {
	verdict := make(chan session.Verdict, 1)
	s.ask(func() {
		s.commands[container] = wrappedCommand{state: finishing}
		s.aim(&goal{
			deadline: time.Now().Add(time.Duration(s.Config.DrainTimeoutSeconds) * time.Second),
			reply: func(err error) {
				s.commands[container] = wrappedCommand{state: finished}
				verdict <- s.verdict(err)
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
			s.ask(func() { tell(s.state()) })
		}
	}
}

func (s *sidecar) verdict(err error) session.Verdict {
	v := session.Verdict{Manifest: s.keys.Manifest(s.Pod.UID)}
	for _, e := range s.journal.Entries() {
		v.Files++
		v.Bytes += e.Size
	}
	if err != nil {
		v.Error = err.Error()
	}
	return v
}

// state is how far the run is.
func (s *sidecar) state() session.Progress {
	var p session.Progress
	for _, e := range s.journal.Entries() {
		p.Files++
		p.Bytes += e.Size
	}
	p.FilesTotal, p.BytesTotal = p.Files, p.Bytes
	for _, f := range s.files {
		p.FilesTotal++
		p.BytesTotal += f.state.Size
	}
	// Of what is on its way, the parts that the store has.
	p.Bytes = min(p.BytesTotal, max(p.Bytes, s.bytes.Load()))
	return p
}
