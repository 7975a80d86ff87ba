package journal

import (
	"maps"
	"slices"

	"lighterman.dev/lighterman/uploader/objstore"
)

// uploadIndex holds the uploads that have begun and not ended. A staged one stays in the file: there may be many.
type uploadIndex struct {
	uploads map[string]*openUpload
	staged  map[string]span
}

// openUpload is an upload that is not staged.
type openUpload struct {
	Upload

	recorded int64 // the size of its records
}

func newUploadIndex() uploadIndex {
	return uploadIndex{uploads: map[string]*openUpload{}, staged: map[string]span{}}
}

// begin adds an upload.
func (x *uploadIndex) begin(u Upload) *openUpload {
	u.Parts = maps.Clone(u.Parts)
	if u.Parts == nil {
		u.Parts = map[int]objstore.Part{}
	}
	open := &openUpload{Upload: u}
	x.uploads[u.Path] = open
	return open
}

// drop forgets the upload of a file, and returns the size of its records.
func (x *uploadIndex) drop(path string) (size int64) {
	if u := x.uploads[path]; u != nil {
		size += u.recorded
	}
	size += x.staged[path].size
	delete(x.uploads, path)
	delete(x.staged, path)
	return size
}

// load returns the upload of a file. One that is staged is read from the file, and is staged no more.
func (j *Journal) load(path string) *openUpload {
	if u := j.uploads[path]; u != nil {
		return u
	}
	u, ok := j.readStaged(path)
	if !ok {
		return nil
	}
	at := j.staged[path]
	delete(j.staged, path)
	open := j.begin(u)
	open.Staged, open.recorded = nil, at.size
	return open
}

// readStaged reads a staged upload.
func (j *Journal) readStaged(path string) (Upload, bool) {
	at, ok := j.staged[path]
	if !ok {
		return Upload{}, false
	}
	rec, _, err := j.readAt(at.offset)
	if err != nil || rec.Begin == nil {
		return Upload{}, false // The parts are sent again.
	}
	return *rec.Begin, true
}

// BeginUpload records that an upload has begun.
func (j *Journal) BeginUpload(u Upload) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.dead += j.drop(u.Path)
	open := j.begin(u)
	at, _ := j.writeRecord(&record{Begin: &u}) // Sync returns the error.
	open.recorded = at.size
	j.compactIfWorthwhile()
}

// AddPart records a part that the store has confirmed, of the upload of the file at path.
func (j *Journal) AddPart(path string, part objstore.Part) {
	j.mu.Lock()
	defer j.mu.Unlock()
	u := j.load(path)
	if u == nil {
		return
	}
	u.Parts[part.Number], u.Staged = part, nil
	at, _ := j.writeRecord(&record{Part: &addedPart{path, part}})
	u.recorded += at.size
	j.compactIfWorthwhile()
}

// StageUpload records that the store has every part of the file at path.
func (j *Journal) StageUpload(path string, staged Staged) {
	j.mu.Lock()
	defer j.mu.Unlock()
	u := j.load(path)
	if u == nil {
		return
	}
	u.Staged = &staged
	at, err := j.writeRecord(&record{Begin: &u.Upload})
	if err != nil {
		return // It stays in memory.
	}
	j.dead += j.drop(path)
	j.staged[path] = at
	j.compactIfWorthwhile()
}

// EndUpload records that the upload of a file was aborted.
func (j *Journal) EndUpload(path string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at, _ := j.writeRecord(&record{End: path})
	j.dead += j.drop(path) + at.size
	j.compactIfWorthwhile()
}

// Upload returns the upload of a file that has begun and not ended.
func (j *Journal) Upload(path string) (Upload, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if u := j.uploads[path]; u != nil {
		found := u.Upload
		found.Parts = maps.Clone(u.Parts)
		return found, true
	}
	return j.readStaged(path)
}

// Uploads returns the uploads that have begun and not ended, by path. Those of staged files are without their parts.
func (j *Journal) Uploads() []Upload {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []Upload
	for _, path := range slices.Sorted(maps.Keys(j.uploads)) {
		u := j.uploads[path].Upload
		u.Parts = maps.Clone(u.Parts)
		all = append(all, u)
	}
	for _, path := range slices.Sorted(maps.Keys(j.staged)) {
		if u, ok := j.readStaged(path); ok {
			u.Parts = nil
			all = append(all, u)
		}
	}
	return all
}
