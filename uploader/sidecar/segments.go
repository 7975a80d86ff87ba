package sidecar

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
)

// maxSmallSegments is how many segments of fewer than half of manifest.MaxEntries files the manifest may have one behind
// the other: then they are merged.
const maxSmallSegments = 32

// putManifest completes a manifest with the files that are durable now, and puts it into the store. What earlier segments
// list is not written again. It returns the number of the last entry of the journal that the manifest lists.
func (s *sidecar) putManifest(
	ctx context.Context, m *manifest.Manifest,
) (written manifest.Written, last int64, err error) {
	snapshot := s.journal.Snapshot()
	defer snapshot.Close()
	keep := segmentsToKeep(snapshot)
	if err := s.listFiles(ctx, snapshot, keep, m); err != nil {
		return manifest.Written{}, 0, err
	}
	o := *s.newObject(m.Key)
	if m.State == manifest.Open {
		o.Retention = nil // The next manifest replaces it.
	}
	err = s.sender.Retry.Do(ctx, "write the manifest", func(ctx context.Context) (err error) {
		if written, err = m.Put(ctx, s.Store, o); err != nil || s.sender.WriteOnly {
			return err
		}
		// The last word on a backup is not believed unseen.
		return manifest.Look(ctx, s.Store, m.Key, written.Size, written.Sum, written.SHA256)
	})
	return written, snapshot.Last, err
}

// segmentsToKeep returns the segments that the next manifest lists as they are. The entries of the others are written
// again.
func segmentsToKeep(s *journal.Snapshot) []journal.Segment {
	entries := 0
	for _, segment := range s.Segments {
		entries += segment.Entries
	}
	if entries > 2*s.Files+manifest.MaxEntries {
		return nil // Most of what they list was replaced.
	}
	small := 0
	for _, segment := range slices.Backward(s.Segments) {
		if segment.Entries >= manifest.MaxEntries/2 {
			break
		}
		small++
	}
	if small <= maxSmallSegments {
		return s.Segments
	}
	keep := s.Segments[:len(s.Segments)-small]
	// Segments that were written together have the same last entry.
	for len(keep) > 0 && keep[len(keep)-1].Last == s.Segments[len(keep)].Last {
		keep = keep[:len(keep)-1]
	}
	return keep
}

// listFiles lists the files of a snapshot in a manifest: those behind the segments that are kept in the manifest itself
// where they are few, and in new segments otherwise.
func (s *sidecar) listFiles(
	ctx context.Context, snapshot *journal.Snapshot, keep []journal.Segment, m *manifest.Manifest,
) (err error) {
	since := int64(0)
	if len(keep) > 0 {
		since = keep[len(keep)-1].Last
	}
	w := &segmentWriter{sidecar: s, last: snapshot.Last}
	defer func() { err = errors.Join(err, w.discard()) }()
	for e, err := range snapshot.Since(since) {
		if err == nil {
			err = w.add(ctx, &manifest.Listed{File: e.File, Replaces: e.Replaces})
		}
		if err != nil {
			return err
		}
	}
	if err := w.finish(ctx); err != nil {
		return err
	}
	segments := slices.Concat(keep, w.segments)
	m.Segments, m.Files = nil, w.files
	listed := len(m.Files)
	for _, segment := range segments {
		m.Segments = append(m.Segments, segment.Segment)
		listed += segment.Entries
	}
	if listed < snapshot.Files || (len(keep) == 0 && listed != snapshot.Files) {
		if len(keep) > 0 {
			return s.listFiles(ctx, snapshot, nil, m) // The segments do not belong to this journal.
		}
		return fmt.Errorf("the journal lists %d files, and counts %d", listed, snapshot.Files)
	}
	if len(keep) != len(snapshot.Segments) || len(w.segments) > 0 {
		s.journal.SetSegments(segments)
	}
	m.Totals = manifest.Totals{Files: snapshot.Files, Bytes: snapshot.Bytes}
	slices.SortFunc(m.Files, func(a, b manifest.File) int { return strings.Compare(a.Path, b.Path) })
	return nil
}

// segmentWriter writes the files of a manifest into segments, if they are many.
type segmentWriter struct {
	*sidecar

	// files are those that were added, while there are few.
	files []manifest.File
	first []manifest.Listed
	// segments are those that are stored. The last entry in them has the number last.
	segments []journal.Segment
	last     int64
	// file and out are the segment that is being written; nil: there is none.
	file *os.File
	out  *manifest.SegmentWriter
	sum  hash.Hash // of what is in the file, as the store makes it
}

// add adds a file.
func (w *segmentWriter) add(ctx context.Context, f *manifest.Listed) error {
	if w.out == nil && len(w.segments) == 0 && len(w.first) < manifest.MaxFiles {
		w.first = append(w.first, *f)
		return nil
	}
	if w.out == nil {
		if err := w.create(); err != nil {
			return err
		}
	}
	for i := range w.first {
		if err := w.out.Add(&w.first[i]); err != nil {
			return err
		}
	}
	w.first = nil
	if err := w.out.Add(f); err != nil {
		return err
	}
	if w.out.Entries() == manifest.MaxEntries {
		return w.store(ctx)
	}
	return nil
}

// finish stores the last segment, if there is any.
func (w *segmentWriter) finish(ctx context.Context) error {
	w.files = []manifest.File{}
	for i := range w.first {
		w.files = append(w.files, w.first[i].File)
	}
	if w.out == nil {
		return nil
	}
	return w.store(ctx)
}

// create begins a segment. It is a file in the sidecar's directory: memory would have to hold it whole.
func (w *segmentWriter) create() (err error) {
	name := filepath.Join(w.Config.Directory, "segment")
	w.file, err = os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600) //nolint:gosec // The configuration names it.
	if err != nil {
		return fmt.Errorf("write a segment of the manifest: %w", err)
	}
	w.sum = checksum.New(w.Store.Limits().Algorithm)
	w.out = manifest.NewSegmentWriter(io.MultiWriter(w.file, w.sum))
	return nil
}

// store ends a segment, and puts it into the store. Its key holds its SHA-256: where an object has that, it is the segment.
func (w *segmentWriter) store(ctx context.Context) error {
	segment, err := w.out.Close()
	if err != nil {
		return err
	}
	size, err := w.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return fmt.Errorf("write a segment of the manifest: %w", err)
	}
	segment.Key = w.keys.Segment(w.Pod.UID, segment.SHA256)
	o := *w.newObject(segment.Key)
	o.ContentType, o.Overwrite = "application/gzip", false
	sum := checksum.Sum(w.Store.Limits().Algorithm, w.sum)
	err = w.sender.Retry.Do(ctx, "write "+segment.Key, func(ctx context.Context) error {
		_, err := w.Store.Put(ctx, &o, objstore.Body{ReaderAt: w.file, Size: size, Sum: sum})
		if err != nil && objstore.ClassOf(err) != objstore.Exists {
			return err
		}
		if w.sender.WriteOnly {
			return nil
		}
		return manifest.Look(ctx, w.Store, segment.Key, size, sum, segment.SHA256)
	})
	if err != nil {
		return fmt.Errorf("write a segment of the manifest: %w", err)
	}
	w.segments = append(w.segments, journal.Segment{Segment: segment, Last: w.last})
	w.out = nil
	return w.discard()
}

// discard removes the file of a segment.
func (w *segmentWriter) discard() error {
	if w.file == nil {
		return nil
	}
	err := errors.Join(w.file.Close(), os.Remove(w.file.Name()))
	w.file = nil
	return err
}
