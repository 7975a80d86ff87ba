package sidecar

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
)

// prepareRun opens the journal, runs the preflight, and takes over what an earlier process of the run has left.
// Kubernetes restarts a sidecar that was killed.
func (s *sidecar) prepareRun(ctx context.Context, drain <-chan struct{}) error {
	j, stale, err := journal.Open(s.Config.Directory, s.Pod.UID)
	if err != nil {
		return err
	}
	s.journal, s.sender.Journal = j, j
	preflight, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-drain:
			cancel(errDrain)
		case <-preflight.Done():
		}
	}()
	err = s.checkStore(preflight)
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
	debug.FreeOSMemory() // The SDK needs less memory after the first request.
	s.ready.Store(true)
	s.Log.Info("ready", "spool", s.Config.Spool, "prefix", s.keys.Prefix(), "durable", len(s.journal.Entries()))
	return nil
}

// restoreFromManifest restores an empty journal from the manifest that an earlier process of the run has written.
func (s *sidecar) restoreFromManifest(ctx context.Context) {
	if len(s.journal.Entries()) > 0 {
		return
	}
	m, err := manifest.Load(ctx, s.Store, s.keys.Manifest(s.Pod.UID))
	if err != nil {
		if class := objstore.ClassOf(err); class != objstore.NotFound && class != objstore.Denied {
			s.Log.Warn("load earlier manifest", "error", err)
		}
		return
	}
	for _, f := range m.Files {
		s.journal.AddEntry(journal.Entry{File: f})
	}
	s.started = m.Started
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
		if !known[u.ID] {
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
