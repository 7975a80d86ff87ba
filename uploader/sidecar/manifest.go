package sidecar

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/manifest"
)

// manifestState describes the last manifest that was written.
type manifestState struct {
	// outdated means that files are durable that the last manifest does not list.
	outdated bool
	// writing means that a manifest is being written.
	writing   bool
	writtenAt time.Time
	// duration is how long writing it took.
	duration time.Duration
	// state is that of the last manifest; empty: not known, for an earlier process of the run wrote it.
	state manifest.State
	// last is the number of the last entry of the journal that it lists.
	last int64
}

// lists reports whether the last manifest lists a file with its present content.
func (m *manifestState) lists(e journal.Recorded) bool { return e.Number <= m.last }

// maxSkipped bounds the entries of the spool that are listed as skipped: the others are counted.
const maxSkipped = 1000

const (
	// manifestInterval is how often the manifest is renewed while the pod runs and no file is being sent.
	manifestInterval = 30 * time.Second
	// deletingManifestInterval is the same with AfterUpload Delete: files are kept until a manifest lists them.
	deletingManifestInterval = 10 * time.Second
)

// renewManifest writes an open manifest, if it is time for one.
func (l *loop) renewManifest() {
	l.Metrics.filesWaiting.Set(float64(len(l.tracked)))
	if !l.manifest.outdated || l.manifest.writing || l.commit != nil {
		return
	}
	// Writing a large manifest may take at most a twentieth of the time.
	pause := max(manifestInterval, 20*l.manifest.duration)
	if l.Config.AfterUpload == uploader.Delete {
		pause = max(deletingManifestInterval, 20*l.manifest.duration)
	} else if l.openFiles > 0 || len(l.queue) > 0 {
		return
	}
	if time.Since(l.manifest.writtenAt) < pause {
		return
	}
	l.writeManifest(manifest.Open, func(l *loop, err error) {
		if err != nil {
			l.Log.Warn("renew manifest", "error", err)
		}
	})
}

// writeManifest writes the manifest of the files that are durable now. The loop then calls onWritten.
func (l *loop) writeManifest(state manifest.State, onWritten func(*loop, error)) {
	m := l.newManifest(state)
	l.manifest.writing, l.manifest.outdated = true, false
	s, begin := l.sidecar, time.Now()
	takeBack := state == manifest.Open && l.manifest.state != manifest.Open
	s.workers.Go(func() {
		written, last, err := s.putManifest(s.sendCtx, m)
		var indexErr error
		if err == nil {
			indexErr = s.putIndex(s.sendCtx, m, written)
		}
		if err == nil && takeBack {
			s.removeFromIndex(s.sendCtx)
		}
		s.post(func(l *loop) {
			l.manifest.writing, l.manifest.writtenAt, l.manifest.duration = false, time.Now(), time.Since(begin)
			if err != nil {
				l.manifest.outdated = true
				l.assumeWritten(state)
				onWritten(l, fmt.Errorf("every file is stored, but the manifest is not: %w", err))
				return
			}
			l.manifest.state, l.manifest.last = state, last
			l.manifest.outdated = l.manifest.outdated || indexErr != nil
			l.Metrics.manifestTimestamp.SetToCurrentTime()
			l.Log.Info("manifest written", "key", m.Key, "files", m.Totals.Files, "state", state)
			l.deleteUploaded()
			onWritten(l, indexErr)
		})
	})
}

// finalState returns the state of a run of which every file is durable.
func (l *loop) finalState() manifest.State {
	switch {
	case !l.writersEnded():
		return manifest.Open
	case l.commands.anyBegan():
		return manifest.Complete
	}
	return manifest.Drained
}

// newManifest returns the manifest without its files.
func (l *loop) newManifest(state manifest.State) *manifest.Manifest {
	m := &manifest.Manifest{
		Format: manifest.Format, Key: l.keys.Manifest(l.Pod.UID), Pod: l.Pod, Profile: l.Config.Profile, Uploader: l.Version,
		Containers: l.commands.describe(), Expect: l.Config.Expect,
		Started: l.started, Written: time.Now().UTC(), State: state,
	}
	for _, path := range slices.Sorted(maps.Keys(l.skipped)) {
		m.Skipped = append(m.Skipped, manifest.Skipped{Path: uploader.Escape(path), Reason: l.skipped[path]})
	}
	m.MoreSkipped = l.moreSkipped()
	return m
}

// deleteUploaded deletes the files that the manifest lists, with AfterUpload Delete. A walk finds them.
func (l *loop) deleteUploaded() {
	if l.Config.AfterUpload != uploader.Delete {
		return
	}
	if err := l.journal.Sync(); err != nil {
		l.Log.Warn("sync journal", "error", err, "effect", "uploaded files stay in the spool")
		return
	}
	l.walkWanted = true
}
