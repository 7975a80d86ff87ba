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

// written is what the last manifest says.
type written struct {
	// dirty means that more is durable than the last manifest names.
	dirty bool
	// busy means that one is being written.
	busy bool
	at   time.Time
	took time.Duration
	// sums are those of the files that it names, by escaped path.
	sums map[string]string
}

// has reports whether the last manifest names a file as it is.
func (w *written) has(e journal.Entry) bool { return w.sums[e.Path] == e.SHA256 && e.SHA256 != "" }

const (
	// quiet is how often the manifest is renewed in a pod that runs on, when nothing is on its way.
	quiet = 30 * time.Second
	// freeing is how often it is renewed where files wait for it to be deleted.
	freeing = 10 * time.Second
)

// renew writes the manifest at a quiet point.
func (s *sidecar) renew() {
	s.Metrics.waiting.Set(float64(len(s.files)))
	if !s.written.dirty || s.written.busy || len(s.goals) > 0 || s.failure() != nil {
		return
	}
	// A large manifest is not written over and over.
	pause := max(quiet, 20*s.written.took)
	if s.Config.AfterUpload == uploader.Delete {
		pause = max(freeing, 20*s.written.took)
	} else if s.busy > 0 || len(s.queue) > 0 {
		return
	}
	if time.Since(s.written.at) < pause {
		return
	}
	s.writeManifest(false, func(err error) {
		if err != nil {
			s.Log.Warn("the manifest could not be renewed", "error", err)
		}
	})
}

// writeManifest writes the manifest of what is durable now, and tells the loop how that went.
func (s *sidecar) writeManifest(final bool, then func(error)) {
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
	o := *s.object(m.Key)
	if !final {
		o.Retention = nil // It is to be replaced.
	}
	s.written.busy, s.written.dirty = true, false
	begin := time.Now()
	s.workers.Go(func() {
		err := s.sender.Retry.Do(s.sending, "write the manifest", func(ctx context.Context) error { return m.Put(ctx, s.Store, o) })
		s.ask(func() {
			s.written.busy, s.written.at, s.written.took = false, time.Now(), time.Since(begin)
			if err != nil {
				s.written.dirty = true
				then(fmt.Errorf("every file is stored, but the manifest is not: %w", err))
				return
			}
			s.written.sums = sums
			s.Metrics.manifest.SetToCurrentTime()
			s.Log.Info("manifest written", "key", m.Key, "files", len(m.Files), "final", final)
			s.clear()
			then(nil)
		})
	})
}

// clear deletes the files that the manifest names, where that is asked.
func (s *sidecar) clear() {
	if s.Config.AfterUpload != uploader.Delete {
		return
	}
	if err := s.journal.Sync(); err != nil {
		s.Log.Warn("files stay in the spool, for the journal cannot be written", "error", err)
		return
	}
	s.walk()
}
