package upload_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
)

// grows begins to write a file that is followed, and returns it when its first part is in the store.
func (p *pod) grows() (r *process, f *os.File) {
	p.Helper()
	p.config.Upload = uploader.Stream
	p.slow()
	r = p.sidecar()
	f = p.open("dump", os.O_WRONLY|os.O_CREATE)
	p.put("dump", f, p.data(2*p.size()), 0)
	p.sent("dump", 1)
	return r, f
}

// streamIsRefused has the store refuse the parts of a growing file with an error that no retry of a request helps.
func (p *pod) streamIsRefused() {
	var refuses atomic.Bool
	p.between(func(w http.ResponseWriter, r *http.Request) bool {
		if !refuses.Load() || !carries(r) {
			return false
		}
		p.answers[tooLarge].give(w)
		return true
	})
	r, f := p.grows()
	refuses.Store(true)
	p.put("dump", f, p.data(2*p.size()), 2*p.size())
	r.says(`"msg":"stream stalled"`)
	refuses.Store(false)
	r.says(`"msg":"stream continues"`)
	p.put("dump", f, p.data(p.size()+1000), 4*p.size())
	p.sent("dump", 4)
	p.absent("dump")
	p.must(f.Close())
	p.drained(r)
}

// streamUploadIsGone aborts the upload of a growing file, as a lifecycle rule of the bucket may.
func (p *pod) streamUploadIsGone() {
	r, f := p.grows()
	p.sent("dump", 2) // versitygw 1.8 keeps a part that arrives during Abort, and the upload with it.
	p.must(p.store.Abort(p.Context(), &objstore.Object{Key: p.key("dump")}, p.uploadID("dump")))
	p.put("dump", f, p.data(2*p.size()), 2*p.size())
	r.says(`"msg":"restart upload"`)
	p.put("dump", f, p.data(p.size()+1000), 4*p.size())
	p.sent("dump", 6) // The first two once more.
	p.absent("dump")
	p.must(f.Close())
	p.drained(r)
}

// uploadID returns the ID of the upload of a file, from the journal.
func (p *pod) uploadID(name string) string {
	p.Helper()
	journal, err := os.ReadFile(filepath.Join(p.config.Directory, "journal"))
	p.must(err)
	for line := range strings.Lines(string(journal)) {
		var record struct{ Begin struct{ Path, ID string } }
		if json.Unmarshal([]byte(line), &record) == nil && record.Begin.Path == name {
			return record.Begin.ID
		}
	}
	p.Fatalf("the journal has no upload of %s: %s", name, journal)
	return ""
}

// describedLate has the store answer the first requests for the description of an object as if there were none.
func (p *pod) describedLate() {
	var looks atomic.Int64
	p.between(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "large") || !describes(r) || looks.Add(1) > 2 {
			return false
		}
		w.WriteHeader(http.StatusNotFound)
		return true
	})
	r := p.sidecar()
	p.large("large", 3)
	p.stored("large")
	p.drained(r)
	if looks.Load() < 3 {
		p.Errorf("the object was looked for %d times", looks.Load())
	}
}

// describes reports whether a request asks for the description of an object.
func describes(r *http.Request) bool {
	return r.Method == http.MethodHead || (r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/storage/v1/b/") &&
		r.URL.Query().Get("alt") != "media")
}
