package sidecar

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"lighterman.dev/lighterman/uploader/index"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transfer"
)

// errNotIndexed is the error of a run that is stored, and that the index does not lead to.
var errNotIndexed = errors.New(
	"every file is stored and the manifest is written, but the index of runs does not name the run",
)

// series returns the series of the run; nil: it belongs to none, for it was started by hand.
func (s *sidecar) series() *index.Series {
	name := s.Config.SeriesOf(s.Pod)
	if name == "" {
		return nil
	}
	return &index.Series{
		Store: s.Store, Prefix: index.Prefix(s.Config.Prefix), Namespace: s.Pod.Namespace, Name: name, Log: s.Log,
	}
}

// putIndex writes the run to the index of its series, behind a manifest that is not open.
func (s *sidecar) putIndex(ctx context.Context, m *manifest.Manifest, written manifest.Written) error {
	series := s.series()
	if series == nil || m.State == manifest.Open {
		return nil
	}
	entry := &index.Entry{
		Format: index.Format, Run: m.Pod.UID, Pod: m.Pod.Name, Namespace: m.Pod.Namespace, Series: series.Name,
		State: m.State, Started: m.Started, Written: m.Written, Files: int64(m.Totals.Files), Bytes: m.Totals.Bytes,
		Manifest: m.Key, ManifestSHA256: written.SHA256, Profile: m.Profile, Uploader: m.Uploader,
	}
	o := *s.newObject(m.Key) // Put sets the key.
	err := s.sender.Retry.Do(ctx, "write the run to the index", func(ctx context.Context) error {
		key, err := series.Put(ctx, entry, written.At, o)
		if err == nil {
			s.Log.Info("run written to index", "key", key, "state", m.State)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errNotIndexed, err)
	}
	return nil
}

// removeTimeout bounds how long the sidecar tries to remove a run from the index.
const removeTimeout = 30 * time.Second

// removeFromIndex removes the entries of the run, which is taken back. What it cannot remove, as without leave to delete, names a
// manifest that is another by then: a reader finds that out.
func (s *sidecar) removeFromIndex(ctx context.Context) {
	series := s.series()
	if series == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	retry := s.sender.Retry
	retry.Limits = maps.Clone(transfer.DefaultLimits)
	delete(retry.Limits, objstore.Denied) // Leave to delete may be withheld on purpose.
	err := retry.Do(ctx, "remove the run from the index", func(ctx context.Context) error {
		return series.Remove(ctx, s.Pod.UID)
	})
	if err != nil {
		s.Log.Warn("remove run from index", "series", series.Name, "error", err, "effect",
			"the index names a run whose manifest is another by now")
	}
}
