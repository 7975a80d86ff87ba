package sidecar

import (
	"context"
	"errors"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/manifest"
)

// drainReserve is the part of the drain's time that is kept for the last manifest, for aborting uploads and for the termination message.
const drainReserve = 5 * time.Second

// startDrain begins the drain. ended receives its result.
func (l *loop) startDrain(ctx context.Context, ended chan<- error) {
	l.draining = true
	l.Log.Info("start drain", "timeout", l.drainTimeout())
	if l.neverBegan() {
		ended <- nil
		return
	}
	if err := l.incompletenessAtEnd(); err != nil {
		l.settleWaiters(err, func(*waiter) bool { return true })
		l.endIncomplete(ctx)
		ended <- err
		return
	}
	l.addWaiter(&waiter{reply: func(err error) {
		if err != nil && !errors.Is(err, errNotIndexed) {
			l.endIncomplete(ctx)
		}
		ended <- err
	}})
}

// incompletenessAtEnd returns why the run cannot be complete any more, whatever is stored; nil: it can.
func (l *loop) incompletenessAtEnd() error {
	if !l.commands.anyBegan() && l.Config.Completion != uploader.Wrap {
		return nil
	}
	return l.commands.incompletenessAtEnd()
}

// neverBegan reports whether there is no backup that a manifest could describe: the preflight did not pass, or the container of the wrapped
// command was never started.
func (l *loop) neverBegan() bool {
	durable, _ := l.journal.Totals()
	if durable > 0 || l.commands.anyBegan() {
		return false
	}
	return l.Config.Completion == uploader.Wrap || (!l.ready.Load() && len(l.tracked) == 0)
}

// endIncomplete ends a run that is not complete: an open manifest names the files that are durable, and the uploads that are not complete
// are aborted, for no later process continues them. It waits for the store, because nothing comes after it.
func (l *loop) endIncomplete(ctx context.Context) {
	l.stopSending()
	l.workers.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainReserve)
	defer cancel()
	l.writeLastManifest(ctx)
	for _, u := range l.journal.Uploads() {
		l.abortUpload(ctx, u.Key, u.ID)
	}
}

// writeLastManifest writes an open manifest, within half of the reserve.
func (l *loop) writeLastManifest(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, drainReserve/2)
	defer cancel()
	if _, _, err := l.putManifest(ctx, l.newManifest(manifest.Open)); err != nil {
		l.Log.Warn("write open manifest", "reason", "the run is not complete", "error", err)
	}
	if state := l.manifestState(); state == manifest.Complete || state == manifest.Drained {
		l.removeFromIndex(ctx)
	}
}
