package sidecar

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/session"
)

// newVerdict returns the verdict for a wrapped command.
func (l *loop) newVerdict(err error) *session.Verdict {
	v := &session.Verdict{
		Manifest: l.keys.Manifest(l.Pod.UID), State: string(l.manifest.state), Warning: l.leftOverWarning(),
	}
	v.Files, v.Bytes = l.journal.Totals()
	v.LeftOver, v.LeftOverPaths = l.leftOverFiles()
	if err != nil {
		v.Error, v.State = err.Error(), string(manifest.Open)
	}
	if unexpected, ok := errors.AsType[*unexpectedError](err); ok && unexpected.noFiles {
		v.EmptySpool = l.Config.Spool
	}
	return v
}

// currentProgress returns how much of the spool is durable.
func (l *loop) currentProgress() session.Progress {
	var p session.Progress
	p.Files, p.Bytes = l.journal.Totals()
	p.FilesTotal, p.BytesTotal = p.Files, p.Bytes
	for _, f := range l.tracked {
		p.FilesTotal++
		p.BytesTotal += f.state.Size
	}
	p.FilesTotal, p.BytesTotal = max(p.FilesTotal, l.counted.Files), max(p.BytesTotal, l.counted.Bytes)
	// Parts that the store has taken count before their file is durable.
	p.Bytes = min(p.BytesTotal, max(p.Bytes, l.uploadedBytes.Load()))
	return p
}

// pendingFiles returns the paths of the files that the commit waits for. allFailed means that no retry can help any of them.
func (l *loop) pendingFiles() (pending []string, allFailed bool) {
	allFailed = true
	for path, f := range l.tracked {
		pending = append(pending, path)
		allFailed = allFailed && f.permanent && !f.sending && !f.queued
	}
	return pending, allFailed
}

// describePending returns an error that names the pending files, each with its reason.
func (l *loop) describePending(pending []string, what string) error {
	slices.Sort(pending)
	count := len(pending) + l.walk.last.untracked
	var reasons []string
	var first error
	for _, path := range pending {
		f := l.tracked[path]
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
		if len(reasons) == 5 && count > 6 {
			reasons = append(reasons, fmt.Sprintf("and %d more", count-5))
			break
		}
	}
	durable, _ := l.journal.Totals()
	text := fmt.Sprintf("%d of %d files %s: %s", count, count+durable, what, strings.Join(reasons, "; "))
	return &notStoredError{text: text, err: first}
}

// notStoredError names files that are not stored. It wraps the first file's error, for the class of that.
type notStoredError struct {
	text string
	err  error
}

func (e *notStoredError) Error() string { return e.text }

func (e *notStoredError) Unwrap() error { return e.err }
