package journal

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/spool"
)

// fileName is the journal's name in its directory.
const fileName = "journal"

// Upload is an upload in parts that has begun.
type Upload struct {
	// Path is the file's in the spool, escaped.
	Path string `json:"path"`
	Key  string `json:"key"`
	ID   string `json:"id"`
	// PartSize is the size of every part but the last.
	PartSize int64 `json:"partSize"`
	// Parts are the parts that the store has confirmed, by number.
	Parts map[int]objstore.Part `json:"parts,omitempty"`
}

// Entry is a file that is durable.
type Entry struct {
	manifest.File

	// State is the state of the file when it was sent.
	State spool.State `json:"state"`
}

// record is a line of the journal. One field is set.
type record struct {
	Run   string  `json:"run,omitempty"`
	Begin *Upload `json:"begin,omitempty"`
	Part  *struct {
		Path string        `json:"path"`
		Part objstore.Part `json:"part"`
	} `json:"part,omitempty"`
	End  string `json:"end,omitempty"`
	Done *Entry `json:"done,omitempty"`
}

// Journal is the journal of one run. Its methods may be called at the same time.
type Journal struct {
	mu      sync.Mutex
	file    *os.File
	uploads map[string]*Upload
	entries map[string]Entry
	// writeErr is the first error of writing. The run continues without the file, which only a restart would need.
	writeErr error
}

// Open opens the journal of a run in a directory, or creates it. It returns the uploads of an earlier run: the caller
// is to abort them. It drops a line that a crash has torn, and what follows.
func Open(dir, run string) (*Journal, []Upload, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("open the journal: %w", err)
	}
	name := filepath.Join(dir, fileName)
	j := &Journal{uploads: map[string]*Upload{}, entries: map[string]Entry{}}
	recordedRun, err := j.readRecords(name)
	if err != nil {
		return nil, nil, fmt.Errorf("open the journal: %w", err)
	}
	var stale []Upload
	if recordedRun != run {
		stale = j.Uploads()
		clear(j.uploads)
		clear(j.entries)
	}
	if err := j.rewriteFile(name, run); err != nil {
		return nil, nil, fmt.Errorf("open the journal: %w", err)
	}
	return j, stale, nil
}

// readRecords applies the records of the file, and returns the run that wrote them.
func (j *Journal) readRecords(name string) (run string, err error) {
	f, err := os.Open(name) //nolint:gosec // The configuration names the directory.
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // It is only read.
	for r := bufio.NewReader(f); ; {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return run, nil // A line without a line feed is torn.
		}
		if err != nil {
			return "", err
		}
		var rec record
		if json.Unmarshal(line, &rec) != nil {
			return run, nil
		}
		if rec.Run != "" {
			run = rec.Run
		}
		j.applyRecord(&rec)
	}
}

// applyRecord updates uploads and entries.
func (j *Journal) applyRecord(rec *record) {
	switch {
	case rec.Begin != nil:
		u := *rec.Begin
		u.Parts = maps.Clone(u.Parts)
		if u.Parts == nil {
			u.Parts = map[int]objstore.Part{}
		}
		j.uploads[u.Path] = &u
	case rec.Part != nil:
		if u := j.uploads[rec.Part.Path]; u != nil {
			u.Parts[rec.Part.Part.Number] = rec.Part.Part
		}
	case rec.End != "":
		delete(j.uploads, rec.End)
	case rec.Done != nil:
		delete(j.uploads, rec.Done.Path)
		j.entries[rec.Done.Path] = *rec.Done
	}
}

// rewriteFile replaces the file with one without the uploads that have ended. A crash leaves the old file or the new
// one.
func (j *Journal) rewriteFile(name, run string) error {
	f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600) //nolint:gosec // As above.
	if err != nil {
		return err
	}
	j.file = f
	j.writeRecord(&record{Run: run})
	for _, path := range slices.Sorted(maps.Keys(j.entries)) {
		entry := j.entries[path]
		j.writeRecord(&record{Done: &entry})
	}
	for _, upload := range j.Uploads() {
		j.writeRecord(&record{Begin: &upload})
	}
	if err := j.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	return os.Rename(name+".new", name)
}

// writeRecord writes a line, and remembers the first error.
func (j *Journal) writeRecord(rec *record) {
	text, err := json.Marshal(rec)
	if err == nil && j.writeErr == nil {
		_, err = j.file.Write(append(text, '\n'))
	}
	if err != nil && j.writeErr == nil {
		j.writeErr = fmt.Errorf("write the journal: %w", err)
	}
}

// addRecord applies a record and writes it.
func (j *Journal) addRecord(rec *record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.applyRecord(rec)
	j.writeRecord(rec)
}

// BeginUpload records that an upload has begun.
func (j *Journal) BeginUpload(u Upload) { j.addRecord(&record{Begin: &u}) }

// AddPart records a part that the store has confirmed, of the upload of the file at path.
func (j *Journal) AddPart(path string, part objstore.Part) {
	rec := &record{}
	rec.Part = &struct {
		Path string        `json:"path"`
		Part objstore.Part `json:"part"`
	}{path, part}
	j.addRecord(rec)
}

// EndUpload records that the upload of a file was aborted.
func (j *Journal) EndUpload(path string) { j.addRecord(&record{End: path}) }

// AddEntry records that a file is durable.
func (j *Journal) AddEntry(e Entry) { j.addRecord(&record{Done: &e}) }

// Upload returns the upload of a file that has begun and not ended.
func (j *Journal) Upload(path string) (Upload, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	u := j.uploads[path]
	if u == nil {
		return Upload{}, false
	}
	found := *u
	found.Parts = maps.Clone(u.Parts)
	return found, true
}

// Uploads returns the uploads that have begun and not ended, by path.
func (j *Journal) Uploads() []Upload {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []Upload
	for _, path := range slices.Sorted(maps.Keys(j.uploads)) {
		u := *j.uploads[path]
		u.Parts = maps.Clone(u.Parts)
		all = append(all, u)
	}
	return all
}

// Entry returns the durable file of an escaped path.
func (j *Journal) Entry(path string) (Entry, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e, ok := j.entries[path]
	return e, ok
}

// Entries returns the durable files, by path.
func (j *Journal) Entries() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.SortedFunc(maps.Values(j.entries), func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
}

// Sync flushes the records to the disk. It returns the first error since Open.
func (j *Journal) Sync() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.writeErr != nil {
		return j.writeErr
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

// Close flushes and closes the file.
func (j *Journal) Close() error { return errors.Join(j.Sync(), j.file.Close()) }
