package sidecar

import (
	"cmp"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/manifest"
)

// published is what the manifest in the store says of the run.
type published struct {
	// assumed is the state of the manifest in the store where it is not known: an earlier process wrote it, or the store's answer was lost.
	assumed manifest.State
	// openDue is why an open manifest is to be written at once; empty: none is.
	openDue string
	// triedAt is when it was written last, or was to be.
	triedAt time.Time
}

// manifestState returns the state of the manifest in the store, as far as it may be.
func (l *loop) manifestState() manifest.State { return cmp.Or(l.manifest.state, l.published.assumed) }

// assumeWritten takes note of a manifest that may be in the store, although the store did not say so.
func (l *loop) assumeWritten(state manifest.State) {
	if state != manifest.Open {
		l.manifest.state, l.published.assumed = "", state
	}
}

// formerState returns the state of the manifest that an earlier process of the run may have written.
func (s *sidecar) formerState() manifest.State {
	if s.restoredState == "" && s.commands.anySucceeded() {
		return manifest.Complete
	}
	return s.restoredState
}

// takeBackPause is the time between two attempts to write an open manifest in place of a complete one.
const takeBackPause = 5 * time.Second

// takeBack writes an open manifest where one is due: in place of a complete one when a wrapped command has begun again or failed, or the
// spool has changed.
func (l *loop) takeBack() {
	p := &l.published
	if l.commit != nil || l.manifest.writing {
		return
	}
	if l.manifestState() == manifest.Complete && !l.commands.allSucceeded() {
		p.openDue = "a wrapped command has begun again, or has failed"
	}
	if p.openDue == "" || time.Since(p.triedAt) < takeBackPause {
		return
	}
	former, reason := l.manifestState(), p.openDue
	p.openDue, p.triedAt = "", time.Now()
	l.writeManifest(manifest.Open, func(l *loop, err error) {
		switch {
		case err != nil:
			l.published.openDue = reason
			l.Log.Warn("write open manifest", "reason", reason, "error", err)
		case former == manifest.Complete:
			l.Log.Warn("complete manifest taken back", "reason", reason)
		}
	})
}

// noteChange takes note of a file that is not durable: a manifest that is complete no longer names everything.
func (l *loop) noteChange(path string) {
	if l.manifestState() == manifest.Complete && l.commit == nil && l.published.openDue == "" {
		l.published.openDue = "the spool has changed: " + uploader.Escape(path)
	}
}
