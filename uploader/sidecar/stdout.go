package sidecar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/session"
	"lighterman.dev/lighterman/uploader/spool"
)

// OutputStarted takes the standard output of a command that is about to begin, and reads it until its end.
func (s *sidecar) OutputStarted(
	a session.Attempt, path string, r io.ReadCloser,
) (func() session.OutputProgress, error) {
	o, err := s.openOutput(s.sendCtx, a, path)
	if err != nil {
		s.Log.Error("refuse standard output", "container", a.Container, "error", err)
		return nil, errors.Join(errors.New(Explain(err)), r.Close())
	}
	sendCtx, giveUp := context.WithCancelCause(s.sendCtx)
	o.giveUp = giveUp
	if former := s.outputs.replace(a.Container, o); former != nil {
		former.end(s.sendCtx, errOutputReplaced)
	}
	s.Log.Info("read standard output", "container", a.Container, "path", path, "largest", o.stream.Largest())
	s.workers.Go(func() {
		defer close(o.ended)
		defer giveUp(nil)
		if err := o.stream.Send(sendCtx, r); err != nil {
			o.failure.CompareAndSwap(nil, &err)
			s.Log.Error("read standard output", "container", a.Container, "path", path, "bytes", o.stream.Read(), "error", err)
			return
		}
		s.Log.Info("standard output has ended", "container", a.Container, "path", path, "bytes", o.stream.Read())
	})
	return o.progress, nil
}

// openOutput returns the output of a command that may begin.
func (s *sidecar) openOutput(ctx context.Context, a session.Attempt, path string) (*output, error) {
	if want := stdoutOf(s.Config, a.Container); want != path {
		return nil, fmt.Errorf("container %q is to store its standard output as %q, and its exec has --stdout=%s",
			a.Container, want, path)
	}
	if !s.ready.Load() {
		return nil, errors.New("the preflight has not passed yet")
	}
	key, err := s.keys.Of(path)
	if err != nil {
		return nil, err
	}
	if former := s.outputs.replace(a.Container, nil); former != nil {
		former.end(ctx, errOutputReplaced)
	}
	// What an earlier process has left of an earlier attempt.
	if err := s.sender.AbortFile(ctx, uploader.Escape(path)); err != nil {
		s.Log.Warn("abort upload", "path", path, "error", err)
	}
	o := &output{attempt: a, path: path, ended: make(chan struct{})}
	o.stream = s.sender.NewStream(path, key, s.outputMemory())
	return o, o.stream.CheckKey(ctx)
}

// endLostOutput gives up the output of an attempt whose session was lost while the command ran.
func (s *sidecar) endLostOutput(a session.Attempt) {
	if s.commands.isRunning(a) {
		s.endOutput(a, errSessionLost)
	}
}

// endOutput gives up the output of an attempt that has not ended with 0.
func (s *sidecar) endOutput(a session.Attempt, cause error) {
	if o := s.outputs.ofAttempt(a); o != nil {
		o.end(s.sendCtx, cause)
	}
}

// outputEndTimeout bounds how long a process that the command has left behind may keep the standard output open.
const outputEndTimeout = 30 * time.Second

// finishOutput waits until the output of a command that has ended with 0 is in the store, all but visible. It returns why
// it is no backup: the command is then one that has failed.
func (s *sidecar) finishOutput(ctx context.Context, a session.Attempt, report func(session.Progress)) error {
	path := stdoutOf(s.Config, a.Container)
	if path == "" {
		return nil
	}
	o := s.outputs.ofAttempt(a)
	if o == nil {
		var err error
		if o, err = s.restoreOutput(a, path); o == nil {
			return err
		}
	}
	if err := o.waitForEnd(ctx, report); err != nil {
		o.end(ctx, err)
		return err
	}
	if o.err() == nil && o.stream.Read() == 0 && s.expectsFiles() {
		o.end(ctx, errEmptyOutput)
		return errEmptyOutput
	}
	return o.err()
}

// expectsFiles reports whether a run of nothing is not what is expected.
func (s *sidecar) expectsFiles() bool {
	least := s.expect().MinFiles
	return least == nil || *least > 0
}

var errEmptyOutput = errors.New("the command has written nothing to its standard output: set spec.uploader.expect.minFiles to 0 " +
	"where that is right")

// waitForEnd waits until the output has ended and the store has all of it.
func (o *output) waitForEnd(ctx context.Context, report func(session.Progress)) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	before := o.stream.Waited()
	for {
		select {
		case <-o.ended:
			return nil
		case <-ctx.Done():
			return errors.New("the sidecar ends")
		case <-tick.C:
		}
		// What the store is slow to take is still in the pipe: that time does not count.
		if o.stream.Waited()-before > outputEndTimeout {
			return fmt.Errorf("a process that the command has left behind keeps the standard output open, %v after the command "+
				"has ended: let the command wait for it, or redirect the output of that process", outputEndTimeout)
		}
		report(session.Progress{Bytes: o.stream.Read(), FilesTotal: 1, BytesTotal: o.stream.Read()})
	}
}

// restoreOutput returns the output of an attempt that an earlier process of the sidecar has read to its end; neither it nor
// an error: the output is durable already.
func (s *sidecar) restoreOutput(a session.Attempt, path string) (*output, error) {
	lost := errors.New("the sidecar was started again while the command ran, and the standard output is lost: run the command again")
	if _, durable := s.journal.Entry(uploader.Escape(path)); durable && s.commands.hasSucceeded(a) {
		return nil, nil
	}
	key, err := s.keys.Of(path)
	if err != nil {
		return nil, err
	}
	stream, ok := s.sender.RestoreStream(path, key)
	if !ok || !s.commands.isRunning(a) && !s.commands.hasSucceeded(a) {
		return nil, lost
	}
	o := &output{attempt: a, path: path, stream: stream, ended: make(chan struct{}), giveUp: func(error) {}}
	close(o.ended)
	s.outputs.replace(a.Container, o)
	return o, nil
}

// abortLostOutputs aborts the uploads of outputs that an earlier process has not read to their end.
func (s *sidecar) abortLostOutputs(ctx context.Context) {
	for _, c := range s.Config.Containers {
		path := uploader.Escape(c.Stdout)
		u, begun := s.journal.Upload(path)
		if c.Stdout == "" || !begun || u.Staged != nil {
			continue
		}
		s.Log.Warn("abort upload", "path", path, "reason", "the sidecar was started again, and the standard output is lost")
		if err := s.sender.AbortFile(ctx, path); err != nil {
			s.Log.Warn("abort upload", "path", path, "error", err)
		}
	}
}

// trackOutputs tracks the outputs whose commands have ended with 0, so that the commit publishes them.
func (l *loop) trackOutputs() {
	for _, c := range l.Config.Containers {
		o := l.outputs.atPath(c.Stdout)
		if c.Stdout == "" || o == nil {
			continue
		}
		if e, durable := l.journal.Entry(uploader.Escape(c.Stdout)); durable && e.State == o.stream.State() {
			continue
		}
		f := l.tracked[c.Stdout]
		if f == nil {
			f = &trackedFile{isOutput: true}
			l.tracked[c.Stdout] = f
		}
		f.state.Size = o.stream.Read()
		l.considerFile(c.Stdout, f)
	}
}

// pendingOutputs returns how many outputs are not durable, and their size.
func (l *loop) pendingOutputs() (files int, bytes int64) {
	for _, c := range l.Config.Containers {
		o := l.outputs.atPath(c.Stdout)
		if c.Stdout == "" || o == nil || o.err() != nil {
			continue
		}
		if _, durable := l.journal.Entry(uploader.Escape(c.Stdout)); !durable {
			files, bytes = files+1, bytes+o.stream.Read()
		}
	}
	return files, bytes
}

// publish makes the object of an output visible.
func (o *output) publish(ctx context.Context) (sentFunc, error) {
	if err := o.err(); err != nil {
		return nil, err
	}
	entry, err := o.stream.Publish(ctx)
	return func(l *loop, path string, _ *trackedFile) { l.handleSent(path, entry) }, err
}

// openEmptySpool opens an empty directory of the sidecar's own as the spool, where the outputs are all there is.
func (s *sidecar) openEmptySpool() (err error) {
	empty := filepath.Join(s.Config.Directory, "empty")
	if err := os.MkdirAll(empty, 0o700); err != nil {
		return fmt.Errorf("make the empty spool: %w", err)
	}
	s.spool, err = spool.Open(empty)
	s.sender.Spool = s.spool
	return err
}

const (
	// outputReserve is the memory that the sidecar needs beside the parts of outputs: it has 24 MiB resident with a file of
	// 2 GiB, and connections and the collector need some.
	outputReserve = 44 << 20
	// unlimitedOutputMemory is what outputs have where the container has no limit.
	unlimitedOutputMemory = 512 << 20
)

// outputMemory returns the memory for the parts of one output, of what the limit of the container leaves.
func (s *sidecar) outputMemory() int64 {
	outputs := int64(0)
	for _, c := range s.Config.Containers {
		if c.Stdout != "" {
			outputs++
		}
	}
	limit := debug.SetMemoryLimit(-1) // It only returns the limit.
	if limit == math.MaxInt64 {
		return unlimitedOutputMemory / max(1, outputs)
	}
	return max(0, limit-outputReserve) / max(1, outputs)
}
