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

// manifestState is what the last manifest says.
type manifestState struct {
	// outdated means that more is durable than the last manifest names.
	outdated bool
	// writing means that one is being written.
	writing   bool
	writtenAt time.Time
	duration  time.Duration
	// sums are those of the files that it names, by escaped path.
	sums map[string]string
}

// lists reports whether the last manifest names a file as it is.
func (w *manifestState) lists(e journal.Entry) bool {
	return w.sums[e.Path] == e.SHA256 && e.SHA256 != ""
}

const (
	// manifestInterval is how often the manifest is renewed in a pod that runs on, when nothing is on its way.
	manifestInterval = 30 * time.Second
	// deletingManifestInterval is how often it is renewed where files wait for it to be deleted.
	deletingManifestInterval = 10 * time.Second
)

// renewManifest writes the manifest at a quiet point.
func (s *sidecar) renewManifest() {
	s.Metrics.filesWaiting.Set(float64(len(s.tracked)))
	if !s.manifest.outdated || s.manifest.writing || len(s.waiters) > 0 || s.commandError() != nil {
		return
	}
	// A large manifest is not written over and over.
	pause := max(manifestInterval, 20*s.manifest.duration)
	if s.Config.AfterUpload == uploader.Delete {
		pause = max(deletingManifestInterval, 20*s.manifest.duration)
	} else if s.openFiles > 0 || len(s.queue) > 0 {
		return
	}
	if time.Since(s.manifest.writtenAt) < pause {
		return
	}
	s.writeManifest(false, func(err error) {
		if err != nil {
			s.Log.Warn("the manifest could not be renewed", "error", err)
		}
	})
}

// writeManifest writes the manifest of what is durable now, and tells the loop how that went.
func (s *sidecar) writeManifest(final bool, onWritten func(error)) {
	m := &manifest.Manifest{
		Format: manifest.Format, Key: s.keys.Manifest(s.Pod.UID), Pod: s.Pod, Profile: s.Config.Profile, Uploader: s.Version,
		Started: s.started, Written: time.Now().UTC(), Final: final, Files: []manifest.File{},
	}
	sums := map[string]string{}
	for _, e := range s.journal.Entries() {
		m.Files = append(m.Files, e.File)
		sums[e.Path] = e.SHA256
	}
	for _, path := range slices.Sorted(maps.Keys(s.skipped)) {
		m.Skipped = append(m.Skipped, manifest.Skipped{Path: uploader.Escape(path), Reason: s.skipped[path]})
	}
	o := *s.newObject(m.Key)
	if !final {
		o.Retention = nil // It is to be replaced.
	}
	s.manifest.writing, s.manifest.outdated = true, false
	begin := time.Now()
	s.workers.Go(func() {
		err := s.sender.Retry.Do(s.sendCtx, "write the manifest", func(ctx context.Context) error { return m.Put(ctx, s.Store, o) })
		s.post(func() {
			s.manifest.writing, s.manifest.writtenAt, s.manifest.duration = false, time.Now(), time.Since(begin)
			if err != nil {
				s.manifest.outdated = true
				onWritten(fmt.Errorf("every file is stored, but the manifest is not: %w", err))
				return
			}
			s.manifest.sums = sums
			s.Metrics.manifestTimestamp.SetToCurrentTime()
			s.Log.Info("manifest written", "key", m.Key, "files", len(m.Files), "final", final)
			s.deleteUploaded()
			onWritten(nil)
		})
	})
}

// deleteUploaded deletes the files that the manifest names, where that is asked.
func (s *sidecar) deleteUploaded() {
	if s.Config.AfterUpload != uploader.Delete {
		return
	}
	if err := s.journal.Sync(); err != nil {
		s.Log.Warn("files stay in the spool, for the journal cannot be written", "error", err)
		return
	}
	s.walkSpool()
}
