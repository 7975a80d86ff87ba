package sidecar

import (
	"context"
	"errors"
	"time"

	"lighterman.dev/lighterman/internal/exitcode"
	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/session"
)

// The methods of session.Handler run in the goroutines of the sockets.
var _ session.Handler = (*sidecar)(nil)

// Ready reports whether the preflight has passed.
func (s *sidecar) Ready() bool { return s.ready.Load() }

// CommandStarted records that the command of a container runs.
func (s *sidecar) CommandStarted(a session.Attempt) error { return s.commands.begin(a) }

// CommandFailed records that the command of a container has failed.
func (s *sidecar) CommandFailed(a session.Attempt, code int) error {
	s.endOutput(a, errCommandFailed)
	return s.commands.end(a, journal.CommandFailed, code)
}

// SessionLost records that the container of a command was killed.
func (s *sidecar) SessionLost(a session.Attempt) {
	s.endLostOutput(a)
	s.commands.lose(a)
}

// StoreAll waits until the run is complete: each wrapped command has ended with 0, and everything is durable.
func (s *sidecar) StoreAll(
	ctx context.Context, a session.Attempt, ending bool, report func(session.Progress),
) *session.Verdict {
	if err := s.finishOutput(ctx, a, report); ctx.Err() != nil {
		return nil
	} else if err != nil {
		err = errors.Join(err, s.CommandFailed(a, exitcode.NotStored))
		return &session.Verdict{Error: Explain(err)}
	}
	if err := s.commands.end(a, journal.CommandSucceeded, 0); err != nil {
		return &session.Verdict{Error: err.Error()}
	}
	verdict := make(chan *session.Verdict, 1)
	progress := make(chan session.Progress, 1)
	s.post(func(l *loop) {
		l.addWaiter(&waiter{
			container: a.Container, ending: ending,
			reply: func(err error) { verdict <- l.newVerdict(err) },
		})
	})
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if waiting := s.commands.waitingFor(); len(waiting) > 0 {
			report(session.Progress{WaitingFor: waiting})
		}
		select {
		case v := <-verdict:
			return v
		case <-ctx.Done():
			select {
			case v := <-verdict:
				return v
			default:
				return nil
			}
		case p := <-progress:
			report(p)
		case <-tick.C:
			s.post(func(l *loop) {
				select {
				case progress <- l.currentProgress():
				default: // The last one was not read.
				}
			})
		}
	}
}
