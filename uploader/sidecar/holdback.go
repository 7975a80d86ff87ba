package sidecar

import (
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/spool"
)

// idleFor is how long a file has not changed that is not looked at while it is small: it does not grow.
const idleFor = time.Minute

// staysInSpool reports whether a file needs no attention before the commit: it is small, and is sent then, or it is staged. It is not
// tracked, for there may be any number of such files.
func (l *loop) staysInSpool(path string, state spool.State) bool {
	if !l.holdsBack() {
		return false
	}
	if !l.sender.NeedsParts(state.Size) {
		// With Stream it may be the beginning of a large file, of which no event tells.
		return l.Config.Upload != uploader.Stream || time.Since(time.Unix(0, state.Changed)) > idleFor
	}
	return l.isStaged(path, state)
}

// isStaged reports whether the parts of a file are in the store as the file is now.
func (l *loop) isStaged(path string, state spool.State) bool {
	u, ok := l.journal.Upload(uploader.Escape(path))
	return ok && u.Staged != nil && u.Staged.State == state
}

// isHeldBack reports whether a file whose writer has closed it is not sent before the commit. It no longer tracks a small one.
func (l *loop) isHeldBack(path string, f *trackedFile) bool {
	if !l.holdsBack() {
		return false
	}
	if !l.sender.NeedsParts(f.state.Size) {
		delete(l.tracked, path)
		return true
	}
	return f.heldBack == f.state
}

// handleStaged takes note of a file whose parts are in the store.
func (l *loop) handleStaged(path string, f *trackedFile) {
	if l.isStaged(path, f.state) {
		l.Log.Info("staged", "path", uploader.Escape(path), "size", f.state.Size)
		delete(l.tracked, path)
		return
	}
	f.heldBack = f.state // An object has its key, or it has become small: the commit decides.
}
