package sidecar

import (
	"context"
	"time"

	"lighterman.dev/lighterman/uploader"
)

// drainReserve is the part of the drain's time that is kept for aborting uploads and writing the termination message.
const drainReserve = 5 * time.Second

// startDrain begins the drain. ended receives its result.
func (l *loop) startDrain(ctx context.Context, ended chan<- error) {
	l.draining = true
	timeout := time.Duration(l.Config.DrainTimeoutSeconds) * time.Second
	timeout -= min(drainReserve, timeout/10)
	l.Log.Info("start drain", "timeout", timeout)
	if l.neverBegan() {
		ended <- nil
		return
	}
	if err := l.commandError(); err != nil {
		l.abortAllUploads(ctx)
		ended <- err
		return
	}
	l.addWaiter(&waiter{deadline: time.Now().Add(timeout), reply: func(err error) {
		if err != nil {
			l.abortAllUploads(ctx)
		}
		ended <- err
	}})
}

// neverBegan reports whether there is no backup that a manifest could describe: the preflight did not pass, or the
// container of the wrapped command was never started.
func (l *loop) neverBegan() bool {
	noCommandRan := l.Config.Completion == uploader.Wrap && len(l.commands) == 0
	return (!l.ready.Load() || noCommandRan) && len(l.tracked) == 0 && len(l.journal.Entries()) == 0
}

// abortAllUploads ends the uploads that are not complete: no later process continues them.
func (l *loop) abortAllUploads(ctx context.Context) {
	l.stopSending()
	l.workers.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainReserve/2)
	defer cancel()
	for _, u := range l.journal.Uploads() {
		l.abortUpload(ctx, u.Key, u.ID)
	}
}
