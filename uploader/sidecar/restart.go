package sidecar

import (
	"context"
	"errors"
	"runtime/debug"
	"strings"
	"time"

	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
)

// openJournal opens the journal, and takes over the attempts of the wrapped commands. It returns the uploads of an earlier run.
func (s *sidecar) openJournal() ([]journal.Upload, error) {
	j, stale, err := journal.Open(s.Config.Directory, s.Pod.UID)
	if err != nil {
		return nil, err
	}
	s.journal, s.sender.Journal = j, j
	if n := j.Damaged(); n > 0 {
		s.Log.Warn("read journal", "damagedLines", n, "effect", "what they recorded is compared with the store again")
	}
	s.commands.restore(j)
	return stale, nil
}

// prepareRun runs the preflight, and takes over what an earlier process of the run has left.
// Kubernetes restarts a sidecar that was killed.
func (s *sidecar) prepareRun(ctx context.Context, drain <-chan struct{}, stale []journal.Upload) error {
	preflight, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-drain:
			cancel(errDrain)
		case <-preflight.Done():
		}
	}()
	err := s.checkStore(preflight)
	if errors.Is(context.Cause(preflight), errDrain) {
		// The loop drains what an earlier process has left, if the store permits.
		s.Log.Warn("abort preflight", "reason", errDrain, "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	s.restoreFromManifest(preflight)
	s.abortStaleUploads(preflight, stale)
	s.abortLostOutputs(preflight)
	debug.FreeOSMemory() // The SDK needs less memory after the first request.
	s.ready.Store(true)
	durable, _ := s.journal.Totals()
	s.Log.Info("ready", "spool", s.Config.Spool, "prefix", s.keys.Prefix(), "durable", durable)
	return nil
}

// restoreFromManifest restores a journal that is empty or damaged from the manifest that an earlier process of the run has
// written.
func (s *sidecar) restoreFromManifest(ctx context.Context) {
	if durable, _ := s.journal.Totals(); durable > 0 && s.journal.Damaged() == 0 {
		return
	}
	m, err := manifest.Load(ctx, s.Store, s.keys.Manifest(s.Pod.UID))
	if err != nil {
		if class := objstore.ClassOf(err); class != objstore.NotFound && class != objstore.Denied {
			s.Log.Warn("load earlier manifest", "error", err)
		}
		return
	}
	s.started, s.restoredState = m.Started, m.State
	if err := s.restoreEntries(ctx, m); err != nil {
		s.Log.Warn("load earlier manifest", "error", err, "effect", "files that it lists are compared with the store again")
	}
}

// restoreEntries adds the files that a manifest lists to the journal, and its segments to an empty one: they are not written
// again.
func (s *sidecar) restoreEntries(ctx context.Context, m *manifest.Manifest) error {
	if durable, _ := s.journal.Totals(); durable > 0 || len(m.Segments) == 0 {
		for f, err := range m.All(ctx, s.Store) {
			if err != nil {
				return err
			}
			if _, known := s.journal.Entry(f.Path); !known {
				s.journal.AddEntry(journal.Entry{File: f})
			}
		}
		return nil
	}
	var segments []journal.Segment
	for i := range m.Segments {
		segment := &m.Segments[i]
		err := manifest.ReadSegment(ctx, s.Store, segment, func(f *manifest.Listed) bool {
			s.journal.AddEntry(journal.Entry{File: f.File})
			return true
		})
		if err != nil {
			return err
		}
		segments = append(segments, journal.Segment{Segment: *segment, Last: s.journal.Last()})
		s.journal.SetSegments(segments)
	}
	for _, f := range m.Files {
		s.journal.AddEntry(journal.Entry{File: f})
	}
	return nil
}

// abortStaleUploads aborts the uploads that no process will complete. One that cannot be aborted costs storage, and
// nothing else.
func (s *sidecar) abortStaleUploads(ctx context.Context, stale []journal.Upload) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, u := range stale {
		s.abortUpload(ctx, u.Key, u.ID)
	}
	if !s.template.IsPerPod() {
		return // Another pod may be about to complete it.
	}
	known := map[string]bool{}
	for _, u := range s.journal.Uploads() {
		known[u.ID] = true
	}
	for u, err := range s.Store.Unfinished(ctx, s.keys.Prefix()) {
		if err != nil {
			s.Log.Warn("list unfinished uploads", "error", err)
			return
		}
		// A store may list other keys than those of the prefix.
		if !known[u.ID] && strings.HasPrefix(u.Key, s.keys.Prefix()) {
			s.abortUpload(ctx, u.Key, u.ID)
		}
	}
}

// abortUpload aborts an upload in parts, and logs it.
func (s *sidecar) abortUpload(ctx context.Context, key, id string) {
	s.Log.Info("abort upload", "key", key)
	if err := s.sender.AbortUpload(ctx, key, id); err != nil {
		s.Log.Warn("abort upload", "key", key, "error", err)
	}
}
