package sidecar

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/session"
)

// newVerdict returns the verdict for a wrapped command.
func (s *sidecar) newVerdict(err error) session.Verdict {
	v := session.Verdict{Manifest: s.keys.Manifest(s.Pod.UID)}
	for _, e := range s.journal.Entries() {
		v.Files++
		v.Bytes += e.Size
	}
	if err != nil {
		v.Error = err.Error()
	}
	return v
}

// currentProgress returns how much of the spool is durable.
func (l *loop) currentProgress() session.Progress {
	var p session.Progress
	for _, e := range l.journal.Entries() {
		p.Files++
		p.Bytes += e.Size
	}
	p.FilesTotal, p.BytesTotal = p.Files, p.Bytes
	for _, f := range l.tracked {
		p.FilesTotal++
		p.BytesTotal += f.state.Size
	}
	// Parts that the store has taken count before their file is durable.
	p.Bytes = min(p.BytesTotal, max(p.Bytes, l.uploadedBytes.Load()))
	return p
}

// describePending returns an error that names the pending files, each with its reason.
func (l *loop) describePending(pending []string, what string) error {
	slices.Sort(pending)
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
		if len(reasons) == 5 && len(pending) > 6 {
			reasons = append(reasons, fmt.Sprintf("and %d more", len(pending)-5))
			break
		}
	}
	total := len(pending) + len(l.journal.Entries())
	text := fmt.Sprintf("%d of %d files %s: %s", len(pending), total, what, strings.Join(reasons, "; "))
	return &notStoredError{text: text, err: first}
}

// notStoredError names files that are not stored. It wraps the first file's error, for the class of that.
type notStoredError struct {
	text string
	err  error
}

func (e *notStoredError) Error() string { return e.text }

func (e *notStoredError) Unwrap() error { return e.err }
