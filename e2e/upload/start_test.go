package upload_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"lighterman.dev/lighterman/e2e/harness/teststores"
)

// fails checks that the preflight fails, and what it says.
func (p *pod) fails(why ...string) *process {
	p.Helper()
	code, _, r := p.preflight()
	if code != 1 {
		p.Errorf("the preflight ends with %d", code)
	}
	p.says(why...)
	return r
}

// failsAtOnce is fails for what a retry does not heal.
func (p *pod) failsAtOnce(why ...string) {
	p.Helper()
	// On a busy machine a connection may break where a server answers before it has read the request.
	if text := p.fails(why...).text(); strings.Count(text, "retry request") > strings.Count(text, `"class":"Transient"`) {
		p.Error("the store is asked again")
	}
}

func (p *pod) storeStaysDown() {
	p.network().Down()
	if r := p.fails("the store cannot be written", "look at its endpoint"); !strings.Contains(r.text(), "retry request") {
		p.Error("the store is not asked again")
	}
}

func (p *pod) storeComesBack() {
	n := p.network()
	n.Down()
	r := p.run()
	r.says("retry request")
	n.Up(p)
	p.ready(r)
	p.write("file", p.data(1000))
	p.drained(r)
}

// role lets the store refuse everything, as long as it is wrong.
func (p *pod) role() *atomic.Bool {
	var wrong atomic.Bool
	wrong.Store(true)
	p.between(func(w http.ResponseWriter, _ *http.Request) bool {
		if wrong.Load() {
			p.answers[denied].give(w)
		}
		return wrong.Load()
	})
	return &wrong
}

// refusals are what a pod says of a store that refuses it.
var refusals = map[string]string{
	"S3":    "give the identity leave to write",
	"Azure": "assign the identity the role Storage Blob Data Contributor",
	"GCS":   "roles/storage.objectUser",
}

func (p *pod) roleIsWrong() {
	p.role()
	p.fails("the store cannot be written", refusals[p.name])
}

func (p *pod) roleIsLate() {
	wrong := p.role()
	r := p.run()
	r.says(`"class":"Denied"`)
	wrong.Store(false)
	p.ready(r)
	p.drained(r)
}

func (p *pod) bucketIsMissing() {
	switch {
	case p.config.S3 != nil:
		p.config.S3.Bucket = "missing"
		p.failsAtOnce("create the bucket")
	case p.config.Azure != nil:
		p.config.Azure.Container = "missing"
		p.failsAtOnce("create the container")
	default:
		p.config.GCS.Bucket = "missing"
		p.failsAtOnce("the store cannot be written") // fake-gcs-server 1.56 does not say that it is the bucket.
	}
}

func (p *pod) regionIsWrong() {
	p.config.S3.Region = "eu-west-1"
	p.failsAtOnce("set region to that of the bucket")
}

func (p *pod) authorityIsWrong() {
	p.config.CAFile = teststores.Certificate(p).CA
	p.failsAtOnce("put the authority that signed the store's certificate into caBundle")
}

func (p *pod) settingIsRefused() {
	switch p.name {
	case "S3":
		p.config.Tags = map[string]string{strings.Repeat("x", 129): "a tag's name has at most 128 characters"}
		p.failsAtOnce("tags")
	case "Azure":
		p.config.StorageClass = "Nonsense"
		p.failsAtOnce("look at storage class")
	default:
		p.config.Tags = map[string]string{"team": "backup"}
		p.failsAtOnce("remove uploader.tags")
	}
}

func (p *pod) clockIsWrong() {
	p.between(func(w http.ResponseWriter, _ *http.Request) bool {
		p.answers[skewed].give(w)
		return true
	})
	p.fails("set the node's clock")
}

func (p *pod) endsBeforeItBegan() {
	p.network().Down()
	r := p.run()
	r.says("retry request")
	r.signal(syscall.SIGTERM)
	if code := r.code(); code != 0 {
		p.Errorf("the sidecar ends with %d", code)
	}
	if m := p.manifest(); m != nil {
		p.Errorf("there is a manifest: %+v", m)
	}
}

func (p *pod) endsAndDrains() {
	n := p.network()
	n.Down()
	p.write("small", p.data(1000))
	p.large("large", 2)
	r := p.run()
	r.says("retry request")
	r.signal(syscall.SIGTERM)
	r.says(`"msg":"start drain"`)
	n.Up(p)
	if code := r.code(); code != 0 {
		p.Errorf("the sidecar ends with %d: %s", code, p.reason())
	}
	p.complete()
}

func (p *pod) endsAndCannotDrain() {
	n := p.network()
	n.Down()
	p.config.DrainTimeoutSeconds = 3
	p.write("file", p.data(1000))
	r := p.run()
	r.says("retry request")
	begin := time.Now()
	p.refused(r, "1 of 1 files not stored in time: file", "look at its endpoint")
	if took := time.Since(begin); took > time.Minute {
		p.Errorf("it says so after %v", took)
	}
	p.absent("file")
}
