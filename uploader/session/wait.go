package session

import (
	"context"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"lighterman.dev/lighterman/internal/exitcode"
)

// waitUntilStored waits for the sidecar's verdict, and returns the exit code. When the sidecar was restarted, it asks again. The commands
// of other containers may take any time: Timeout bounds the wait for the sidecar alone.
func (c *Command) waitUntilStored(ctx context.Context, signals <-chan os.Signal) int {
	w := storeWait{Command: c, reporter: newProgressReporter(c.Out)}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.timer = time.AfterFunc(c.Timeout, cancel)
	defer w.timer.Stop()
	go w.watchSignals(ctx, signals)
	for {
		verdict, err := w.ask(ctx)
		switch {
		case verdict != nil:
			w.reporter.clearBar()
			return c.reportVerdict(verdict)
		case ctx.Err() != nil:
			w.reporter.clearBar()
			c.logf("the upload failed: the sidecar did not say within %v that the files are stored: %v", c.Timeout, err)
			return exitcode.NotStored
		}
		waitToRetry(ctx)
	}
}

// storeWait is the wait for the sidecar's verdict.
type storeWait struct {
	*Command

	reporter *progressReporter
	// timer ends the wait.
	timer *time.Timer
	// askAgain ends the request that is waiting for its answer.
	askAgain atomic.Pointer[context.CancelFunc]
}

// ask asks the sidecar once, and returns its verdict. Nil: there is none yet.
func (w *storeWait) ask(ctx context.Context) (*Verdict, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.askAgain.Store(&cancel)
	var verdict *Verdict
	request := Request{Ask: AskFinish, Attempt: w.attempt, Ending: w.ending.Load()}
	err := Ask(ctx, w.Directory, request, func(a Answer) bool {
		if a.Progress != nil {
			if len(a.Progress.WaitingFor) > 0 {
				w.timer.Reset(w.Timeout)
			}
			w.reporter.showProgress(*a.Progress)
		}
		verdict = a.Verdict
		return verdict == nil
	})
	return verdict, err
}

// watchSignals tells the sidecar with the next request that the pod ends, when the kubelet asks this process to end. The upload goes on:
// the grace period is long enough for it.
func (w *storeWait) watchSignals(ctx context.Context, signals <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-signals:
			if s != syscall.SIGTERM || w.ending.Swap(true) {
				continue
			}
			if cancel := w.askAgain.Load(); cancel != nil {
				(*cancel)()
			}
		}
	}
}

// reportVerdict writes the sidecar's verdict, and returns the exit code.
func (c *Command) reportVerdict(v *Verdict) int {
	if v.LeftOver > 0 {
		c.logf("not uploaded: %d files that a failed attempt of the command has left over, for example %s: delete them before the command "+
			"begins again, or write them anew", v.LeftOver, strings.Join(v.LeftOverPaths, ", "))
	}
	if v.Warning != "" {
		c.logf("warning: %s", v.Warning)
	}
	switch {
	case v.Error == "":
		c.logf("%d files with %s are stored; the manifest is %s: %s", v.Files, formatBytes(v.Bytes), v.Manifest, v.State)
		return 0
	case v.EmptySpool != "":
		c.logf("the upload failed: %s; %s", v.Error, describeMounts(otherMounts(v.EmptySpool, c.Directory), v.EmptySpool))
	default:
		c.logf("the upload failed: %s", v.Error)
	}
	return exitcode.NotStored
}
