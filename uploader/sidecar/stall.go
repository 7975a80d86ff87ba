package sidecar

import "lighterman.dev/lighterman/uploader/objstore"

// updateStalled counts the file among the stalled streams if it is followed and its requests are being retried.
func (l *loop) updateStalled(f *trackedFile) {
	stalled := f.writerClosed != nil && f.delayedBy != nil
	switch {
	case stalled && !f.stalled:
		l.Metrics.streamsStalled.Inc()
	case f.stalled && !stalled:
		l.Metrics.streamsStalled.Dec()
	}
	f.stalled = stalled
}

// resumeFailed considers the files at once that failed with an error that may pass: the store takes files again.
func (l *loop) resumeFailed() {
	if !l.anyFailed {
		return
	}
	l.anyFailed = false
	for _, f := range l.tracked {
		class := objstore.ClassOf(f.err)
		if f.err != nil && temporaryClasses[class] && class != objstore.Throttled && !f.recheckAt.IsZero() {
			l.recheckAfter(f, 0)
		}
	}
}
