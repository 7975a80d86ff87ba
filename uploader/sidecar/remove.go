package sidecar

import (
	"errors"
	"io/fs"
	"slices"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/spool"
)

const (
	// asideDelay is how long a file stays aside before it is removed. A writer that had looked up its name before it was
	// moved has opened it by then, and that shows.
	asideDelay = time.Second
	// maxAside bounds how many files are aside at a time. The next walk finds the others.
	maxAside = 4096
	// maxUndeletable bounds how many files that could not be deleted are logged.
	maxUndeletable = 1000
)

// asideFile is a file that was moved aside, and is removed when its time has come.
type asideFile struct {
	*spool.Aside

	removeAt time.Time
}

// removeUploaded begins to remove a durable file, with AfterUpload Delete, if the last manifest lists it. Where the
// kernel does not say who has the file open, the file stays until the containers have ended.
func (l *loop) removeUploaded(path string, e journal.Recorded) {
	if l.Config.AfterUpload != uploader.Delete || !l.manifest.lists(e) {
		return
	}
	ended := l.noWriterLeft()
	if len(l.asides) >= maxAside && !ended {
		l.moreToRemove = true
		return
	}
	aside, err := l.spool.SetAside(path, e.State, ended)
	if err != nil {
		l.reportUndeletable(path, err)
		return
	}
	l.asides = append(l.asides, asideFile{Aside: aside, removeAt: time.Now().Add(asideDelay)})
	l.removeAsides()
}

// noWriterLeft reports whether every container has ended that writes into the spool, also after the commit.
func (l *loop) noWriterLeft() bool { return l.writersEnded() || l.runEnded() }

// removeAsides removes the files whose time aside is over; all of them when the containers have ended.
func (l *loop) removeAsides() {
	now, ended := time.Now(), l.noWriterLeft()
	for len(l.asides) > 0 && (ended || !now.Before(l.asides[0].removeAt)) {
		aside := l.asides[0]
		l.asides = l.asides[1:]
		if err := aside.Remove(ended); err != nil {
			l.reportUndeletable(aside.Path, err)
			l.walkWanted = true // It was put back.
		} else {
			delete(l.undeletable, aside.Path)
		}
	}
	switch {
	case len(l.asides) > 0:
		l.nextRecheck = minTime(l.nextRecheck, l.asides[0].removeAt)
	case l.moreToRemove:
		l.moreToRemove, l.walkWanted = false, true
	}
}

// removeAtEnd removes the durable files that are left when the run has ended, also those that no walk has come to since
// the last manifest.
func (l *loop) removeAtEnd() {
	if l.Config.AfterUpload != uploader.Delete {
		return
	}
	for found := range l.spool.Walk(".") {
		e, durable := l.journal.Recorded(uploader.Escape(found.Path))
		if durable && found.Err == nil && e.State == found.State && l.Config.Matches(found.Path) {
			l.removeUploaded(found.Path, e)
		}
	}
	l.removeAsides()
}

// putBackAsides puts back what is aside when the run ends before the containers.
func (l *loop) putBackAsides() {
	for _, aside := range l.asides {
		if err := aside.PutBack(); err != nil {
			l.reportUndeletable(aside.Path, err)
		}
	}
	l.asides = nil
}

// expectedToStay are the errors of files that stay as they should: they are gone, have changed, or may be open.
var expectedToStay = []error{fs.ErrNotExist, spool.ErrReplaced, spool.ErrWritersUnknown}

// reportUndeletable logs once that a durable file stays.
func (l *loop) reportUndeletable(path string, err error) {
	isExpected := slices.ContainsFunc(expectedToStay, func(target error) bool { return errors.Is(err, target) })
	if isExpected || l.undeletable[path] || len(l.undeletable) == maxUndeletable {
		return
	}
	l.undeletable[path] = true // Each walk tries again.
	l.Log.Warn("delete uploaded file", "path", path, "error", err)
}

// reportKept logs the new name of a file whose own was taken while it was aside.
func (s *sidecar) reportKept(path, kept string) {
	s.Log.Warn("keep file under another name", "path", path, "keptAs", kept,
		"reason", "it was not the file that was to be deleted, and another one has taken its name")
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
