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
	commandRunning commandState = iota
	commandFinishing
	commandFinished
	commandFailed
)

// waiter is somebody who waits until all is durable: a wrapped command that has ended, or the drain.
type waiter struct {
	deadline time.Time
	// writingManifest means that the manifest is being written.
	writingManifest bool
	reply           func(error)
}

// writersEnded reports whether nobody writes any more, so that whatever is in the spool counts as complete.
func (s *sidecar) writersEnded() bool {
	if s.draining {
		return true
	}
	return len(s.waiters) > 0 && !s.anyCommandIs(commandRunning)
}

func (s *sidecar) anyCommandIs(state commandState) bool {
	for _, command := range s.commands {
		if command.state == state {
			return true
		}
	}
	return false
}

// addWaiter adds a goal. What failed for good is tried once more: somebody may have mended it.
func (s *sidecar) addWaiter(w *waiter) {
	s.waiters = append(s.waiters, w)
	for _, f := range s.tracked {
		f.permanent, f.recheckAt = false, time.Time{}
	}
	s.walkSpool()
}

// notifyWaiters tells those who wait what has become of it.
func (s *sidecar) notifyWaiters() {
	late := slices.ContainsFunc(s.waiters, func(w *waiter) bool { return time.Now().After(w.deadline) })
	if len(s.waiters) == 0 || (s.openFiles > 0 && !late) {
		return // There may be thousands of files: they are not counted each time that one of them is stored.
	}
	pending, allFailed := s.pendingFiles()
	for _, w := range slices.Clone(s.waiters) {
		late := time.Now().After(w.deadline)
		switch {
		case len(pending) == 0 && s.commandError() != nil:
			s.settleWaiter(w, nil) // All is durable, and another command has failed: there is no manifest to be written.
		case len(pending) == 0 && !w.writingManifest && !s.manifest.writing:
			w.writingManifest = true
			s.writeManifest(s.writersEnded(), func(err error) { s.settleWaiter(w, err) })
		case len(pending) == 0 && late:
			s.settleWaiter(w, errors.New("every file is stored, but the manifest could not be written in time"))
		case len(pending) > 0 && allFailed:
			s.settleWaiter(w, s.describePending(pending, "not stored"))
		case len(pending) > 0 && late:
			s.settleWaiter(w, s.describePending(pending, "not stored in time"))
		}
	}
}

func (s *sidecar) settleWaiter(w *waiter, err error) {
	if at := slices.Index(s.waiters, w); at >= 0 {
		s.waiters = slices.Delete(s.waiters, at, at+1)
		w.reply(err)
	}
}

// pendingFiles are the files that are still to be stored; hopeless means that trying on would not help.
func (s *sidecar) pendingFiles() (pending []string, allFailed bool) {
	allFailed = true
	for path, f := range s.tracked {
		if f.openForWriting && !s.writersEnded() && !f.queued {
			continue // Another container writes it.
		}
		if uploader.Temporary(path) && !s.writersEnded() {
			continue
		}
		pending = append(pending, path)
		allFailed = allFailed && f.permanent && !f.sending && !f.queued
	}
	return pending, allFailed
}

// describePending says which files are not stored, and why.
func (s *sidecar) describePending(pending []string, what string) error {
	slices.Sort(pending)
	var reasons []string
	var first error
	for _, path := range pending {
		f := s.tracked[path]
		err := cmp.Or(f.delayedBy, f.err)
		switch {
		case err != nil:
			first = cmp.Or(first, err)
			reasons = append(reasons, fmt.Sprintf("%s: %v: %s", uploader.Escape(path), err, objstore.CureOf(err)))
		case f.openForWriting:
			reasons = append(reasons, uploader.Escape(path)+" is still open for writing")
		default:
			reasons = append(reasons, uploader.Escape(path)+" is not finished: raise spec.uploader.drainTimeoutSeconds")
		}
		if len(reasons) == 5 && len(pending) > 6 {
			reasons = append(reasons, fmt.Sprintf("and %d more", len(pending)-5))
			break
		}
	}
	text := fmt.Sprintf("%d of %d files %s: %s", len(pending), len(pending)+len(s.journal.Entries()), what, strings.Join(reasons, "; "))
	return &notStoredError{text: text, err: first}
}

// notStoredError keeps the first file's error for its class.
type notStoredError struct {
	text string
	err  error
}

func (e *notStoredError) Error() string { return e.text }

func (e *notStoredError) Unwrap() error { return e.err }

// startDrain is what the pod's end asks for.
func (s *sidecar) startDrain(ctx context.Context, ended chan<- error) {
	s.draining = true
	timeout := time.Duration(s.Config.DrainTimeoutSeconds) * time.Second
	timeout -= min(drainReserve, timeout/10)
	s.Log.Info("the pod ends", "timeout", timeout)
	if s.neverBegan() {
		ended <- nil
		return
	}
	if err := s.commandError(); err != nil {
		s.abortAllUploads(ctx)
		ended <- err
		return
	}
	s.addWaiter(&waiter{deadline: time.Now().Add(timeout), reply: func(err error) {
		if err != nil {
			s.abortAllUploads(ctx)
		}
		ended <- err
	}})
}

// neverBegan reports whether there is no backup that a manifest could tell of: the store was not proved to work, or the
// container of the command could not be started.
func (s *sidecar) neverBegan() bool {
	noCommandRan := s.Config.Completion == uploader.Wrap && len(s.commands) == 0
	return (!s.ready.Load() || noCommandRan) && len(s.tracked) == 0 && len(s.journal.Entries()) == 0
}

// commandError is that of a wrapped command: what it wrote is no backup.
func (s *sidecar) commandError() error {
	for _, container := range slices.Sorted(maps.Keys(s.commands)) {
		if command := s.commands[container]; command.state == commandFailed {
			how := fmt.Sprintf("failed with code %d", command.code)
			if command.code < 0 {
				how = "was lost, for it was killed"
			}
			return fmt.Errorf("the command of container %q %s: what it wrote is no backup, and no final manifest was written", container, how)
		}
	}
	return nil
}

// abortAllUploads frees what was begun: nobody will go on with it.
func (s *sidecar) abortAllUploads(ctx context.Context) {
	s.stopSending()
	s.workers.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainReserve/2)
	defer cancel()
	for _, u := range s.journal.Uploads() {
		s.abortUpload(ctx, u.Key, u.ID)
	}
}

// Ready reports whether files are taken.
func (s *sidecar) Ready() bool { return s.ready.Load() }

// CommandStarted notes that the command of a container runs.
func (s *sidecar) CommandStarted(container string) {
	s.post(func() {
		if s.commands[container].state != commandFinishing {
			s.Log.Info("the command runs", "container", container)
			s.commands[container] = wrappedCommand{}
		}
	})
}

// CommandFailed notes that it has failed, or, with a negative code, that nobody knows what has become of it.
func (s *sidecar) CommandFailed(container string, code int) {
	s.post(func() {
		if current, known := s.commands[container]; code < 0 && (!known || current.state != commandRunning) {
			return
		}
		s.Log.Warn("the command has failed: no final manifest will be written", "container", container, "code", code)
		s.commands[container] = wrappedCommand{state: commandFailed, code: code}
	})
}

// StoreAll makes everything durable that the command of a container has written.
func (s *sidecar) StoreAll(ctx context.Context, container string, report func(session.Progress)) session.Verdict {
	verdict := make(chan session.Verdict, 1)
	s.post(func() {
		s.commands[container] = wrappedCommand{state: commandFinishing}
		s.addWaiter(&waiter{
			deadline: time.Now().Add(time.Duration(s.Config.DrainTimeoutSeconds) * time.Second),
			reply: func(err error) {
				s.commands[container] = wrappedCommand{state: commandFinished}
				verdict <- s.newVerdict(err)
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
			s.post(func() { report(s.currentProgress()) })
		}
	}
}

func (s *sidecar) newVerdict(err error) session.Verdict {
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

// currentProgress is how far the run is.
func (s *sidecar) currentProgress() session.Progress {
	var p session.Progress
	for _, e := range s.journal.Entries() {
		p.Files++
		p.Bytes += e.Size
	}
	p.FilesTotal, p.BytesTotal = p.Files, p.Bytes
	for _, f := range s.tracked {
		p.FilesTotal++
		p.BytesTotal += f.state.Size
	}
	// Of what is on its way, the parts that the store has.
	p.Bytes = min(p.BytesTotal, max(p.Bytes, s.uploadedBytes.Load()))
	return p
}
