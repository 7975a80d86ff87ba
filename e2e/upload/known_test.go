package upload_test

import (
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// countBodies counts the requests that carry content of a file.
func (p *pod) countBodies() *atomic.Int64 {
	p.Helper()
	var bodies atomic.Int64
	p.between(func(_ http.ResponseWriter, r *http.Request) bool {
		if carries(r) {
			bodies.Add(1)
		}
		return false
	})
	return &bodies
}

// stateChanges changes all of a stored file but its content.
func (p *pod) stateChanges() {
	bodies := p.countBodies()
	r := p.sidecar()
	p.large("large", 2)
	r.says(`"msg":"stored"`)
	before := bodies.Load()
	p.must(os.Chmod(p.path("large"), 0o640))
	p.must(os.Chtimes(p.path("large"), time.Time{}, time.Now()))
	r.says(`"msg":"content is stored already","path":"large"`)
	p.drained(r)
	if again := bodies.Load() - before; again > 0 {
		p.Errorf("%d requests with content were made", again)
	}
}

// nextPodOnTheVolume has a second pod take over the volume of a first, with keys that do not tell pods apart.
func (p *pod) nextPodOnTheVolume() {
	p.config.Key = "{namespace}/pod/{path}"
	r := p.sidecar()
	p.large("large", 2)
	p.drained(r)
	bodies := p.countBodies() // drained went straight to the store.
	before := bodies.Load()
	p.config.Directory, p.identity.Name, p.identity.UID = p.TempDir(), "pod", "second"
	r = p.sidecar()
	r.says(`"msg":"compare file with existing object"`)
	p.drained(r)
	if again := bodies.Load() - before; again > 0 {
		p.Errorf("%d requests with content were made", again)
	}
}
