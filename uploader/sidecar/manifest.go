package sidecar

import (
	"context"
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
	// sums are the SHA-256 sums of the files that it lists, by escaped path.
	sums map[string]string
}

// lists reports whether the last manifest lists a file with its present content.
func (m *manifestState) lists(e journal.Entry) bool {
	return m.sums[e.Path] == e.SHA256 && e.SHA256 != ""
}

const (
	// manifestInterval is how often the manifest is renewed while the pod runs and no file is being sent.
	manifestInterval = 30 * time.Second
	// deletingManifestInterval is the same with AfterUpload Delete: files are kept until a manifest lists them.
	deletingManifestInterval = 10 * time.Second
)

// renewManifest writes a manifest that is not final, if it is time for one.
func (l *loop) renewManifest() {
	l.Metrics.filesWaiting.Set(float64(len(l.tracked)))
	if !l.manifest.outdated || l.manifest.writing || len(l.waiters) > 0 || l.commandError() != nil {
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
	l.writeManifest(false, func(l *loop, err error) {
		if err != nil {
			l.Log.Warn("renew manifest", "error", err)
		}
	})
}

// writeManifest writes the manifest of the files that are durable now. The loop then calls onWritten.
func (l *loop) writeManifest(final bool, onWritten func(*loop, error)) {
	m, sums := l.newManifest(final)
	o := *l.newObject(m.Key)
	if !final {
		o.Retention = nil // The next manifest replaces it.
	}
	l.manifest.writing, l.manifest.outdated = true, false
	s, begin := l.sidecar, time.Now()
	s.workers.Go(func() {
		err := s.sender.Retry.Do(s.sendCtx, "write the manifest", func(ctx context.Context) error {
			return m.Put(ctx, s.Store, o)
		})
		s.post(func(l *loop) {
			l.manifest.writing, l.manifest.writtenAt, l.manifest.duration = false, time.Now(), time.Since(begin)
			if err != nil {
				l.manifest.outdated = true
				onWritten(l, fmt.Errorf("every file is stored, but the manifest is not: %w", err))
				return
			}
			l.manifest.sums = sums
			l.Metrics.manifestTimestamp.SetToCurrentTime()
			l.Log.Info("manifest written", "key", m.Key, "files", len(m.Files), "final", final)
			l.deleteUploaded()
			onWritten(l, nil)
		})
	})
}

// newManifest returns the manifest of the files that are durable now, and their SHA-256 sums by escaped path.
func (l *loop) newManifest(final bool) (*manifest.Manifest, map[string]string) {
	m := &manifest.Manifest{
		Format: manifest.Format, Key: l.keys.Manifest(l.Pod.UID), Pod: l.Pod, Profile: l.Config.Profile, Uploader: l.Version,
		Started: l.started, Written: time.Now().UTC(), Final: final, Files: []manifest.File{},
	}
	sums := map[string]string{}
	for _, e := range l.journal.Entries() {
		m.Files = append(m.Files, e.File)
		sums[e.Path] = e.SHA256
	}
	for _, path := range slices.Sorted(maps.Keys(l.skipped)) {
		m.Skipped = append(m.Skipped, manifest.Skipped{Path: uploader.Escape(path), Reason: l.skipped[path]})
	}
	return m, sums
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
	l.walkSpool()
}
