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
	// Path is that of the file in the spool, escaped.
	Path string `json:"path"`
	Key  string `json:"key"`
	ID   string `json:"id"`
	// PartSize is that of every part but the last.
	PartSize int64 `json:"partSize"`
	// Parts are those that the store has confirmed, by number.
	Parts map[int]objstore.Part `json:"parts,omitempty"`
}

// Entry is a file that is durable.
type Entry struct {
	manifest.File

	// State is that of the file when it was sent.
	State spool.State `json:"state"`
}

// record is a line; one field is set.
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

// Journal is that of one run. Its methods may be called at the same time.
type Journal struct {
	mu      sync.Mutex
	file    *os.File
	uploads map[string]*Upload
	entries map[string]Entry
	// writeErr is the first error of writing. The run goes on without a journal: only a restart would cost more.
	writeErr error
}

// Open reads the journal of a run in a directory, or begins it. Uploads of an earlier run are returned: they are to be
// aborted. A line that a crash has torn, and what follows it, is dropped.
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
			return run, nil // A line without its end is torn.
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

// applyRecord is what a record means.
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

// rewriteFile leaves out what has ended, in one step: a crash leaves the old file or the new one.
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

func (j *Journal) writeRecord(rec *record) {
	text, err := json.Marshal(rec)
	if err == nil && j.writeErr == nil {
		_, err = j.file.Write(append(text, '\n'))
	}
	if err != nil && j.writeErr == nil {
		j.writeErr = fmt.Errorf("write the journal: %w", err)
	}
}

func (j *Journal) addRecord(rec *record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.applyRecord(rec)
	j.writeRecord(rec)
}

// BeginUpload notes that an upload has begun.
func (j *Journal) BeginUpload(u Upload) { j.addRecord(&record{Begin: &u}) }

// AddPart notes that the store has confirmed a part of the upload of a file.
func (j *Journal) AddPart(path string, part objstore.Part) {
	rec := &record{}
	rec.Part = &struct {
		Path string        `json:"path"`
		Part objstore.Part `json:"part"`
	}{path, part}
	j.addRecord(rec)
}

// EndUpload notes that the upload of a file was given up.
func (j *Journal) EndUpload(path string) { j.addRecord(&record{End: path}) }

// AddEntry notes that a file is durable.
func (j *Journal) AddEntry(e Entry) { j.addRecord(&record{Done: &e}) }

// Upload is the upload of a file that has begun and not ended.
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

// Uploads are all that have begun and not ended.
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

// Entry is a file that is durable, by its escaped path.
func (j *Journal) Entry(path string) (Entry, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e, ok := j.entries[path]
	return e, ok
}

// Entries are all files that are durable, by path.
func (j *Journal) Entries() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.SortedFunc(maps.Values(j.entries), func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
}

// Sync flushes what was noted to the disk. It returns the first error that there was since Open.
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
