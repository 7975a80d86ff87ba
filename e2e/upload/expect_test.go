package upload_test

import (
	"net/http"
	"strings"
	"syscall"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/manifest"
)

// wrap runs a script as the wrapped command of the pod.
func (p *pod) wrap(script string) *process {
	p.Helper()
	return p.start("exec", "--directory", p.config.Directory, "--", "sh", "-c", script)
}

// next is the pod of the series' next run: the same store and prefix, with a spool and a name of its own.
func (p *pod) next(uid string) *pod {
	p.Helper()
	n := newPod(p.T, p.backend)
	n.config.Prefix, n.config.Series, n.config.Expect, n.config.Completion = p.config.Prefix, p.config.Series, p.config.Expect, p.config.Completion
	n.identity.Name, n.identity.UID = "pod-"+uid, uid
	return n
}

// expects sets the bounds of a run whose command is wrapped.
func (p *pod) expects(e *uploader.Expect) {
	p.config.Series, p.config.Expect, p.config.Completion = "orders", e, uploader.Wrap
}

// notWhatIsExpected checks that the command and the sidecar say so, and that no manifest says otherwise.
func (p *pod) notWhatIsExpected(r, wrapped *process, why string) {
	p.Helper()
	if code := wrapped.code(); code != notStored {
		p.Errorf("the command ends with %d", code)
	}
	wrapped.says(why)
	p.refused(r, why)
}

func (p *pod) nothingIsWritten() {
	p.expects(nil)
	r := p.sidecar()
	p.notWhatIsExpected(r, p.wrap("true"), "it has 0 files, and uploader.expect.minFiles is 1: 1 too few")
}

func (p *pod) tooFewBytes() {
	p.expects(&uploader.Expect{MinBytes: 1 << 20})
	r := p.sidecar()
	p.notWhatIsExpected(r, p.wrap("echo half >"+p.path("dump")), "it has 5 bytes, and uploader.expect.minBytes is 1048576: 1048571 too few")
}

// runShrinks has three runs of a series: the second is too small, and the third is compared with the first.
func (p *pod) runShrinks() {
	p.expects(&uploader.Expect{MaxShrinkPercent: 50})
	write := func(p *pod, size string) (r, wrapped *process) {
		r = p.sidecar()
		return r, p.wrap("head -c " + size + " /dev/zero >" + p.path("dump"))
	}
	r, wrapped := write(p, "1000")
	r.says("first run of series")
	p.ends(r, wrapped)
	small := p.next("two")
	r, wrapped = write(small, "499")
	small.notWhatIsExpected(r, wrapped, "uploader.expect.maxShrinkPercent is 50, of the 1000 bytes of the run "+p.identity.UID)
	half := p.next("three")
	half.ends(write(half, "500"))
}

// ends checks that the run is complete.
func (p *pod) ends(r, wrapped *process) {
	p.Helper()
	if code := wrapped.code(); code != 0 {
		p.Errorf("the command ends with %d", code)
	}
	r.signal(syscall.SIGTERM)
	if code := r.code(); code != 0 {
		p.Errorf("the sidecar ends with %d: %s", code, p.reason())
	}
	if m := p.manifest(); m == nil || m.State != manifest.Complete {
		p.Errorf("the manifest is %+v", m)
	}
}

// lists reports whether a request lists objects: each store's own.
func lists(r *http.Request) bool {
	q := r.URL.Query()
	return r.Method == http.MethodGet &&
		(q.Get("list-type") == "2" || q.Get("comp") == "list" || strings.HasSuffix(r.URL.Path, "/o"))
}

func (p *pod) indexIsDenied() {
	p.expects(&uploader.Expect{MaxShrinkPercent: 50})
	p.between(func(w http.ResponseWriter, r *http.Request) bool {
		if !lists(r) {
			return false
		}
		p.answers[denied].give(w)
		return true
	})
	code, message, _ := p.preflight()
	if code != 1 || !strings.Contains(message, "uploader.expect.maxShrinkPercent needs the last complete run") {
		p.Errorf("the preflight ends with %d: %s", code, message)
	}
}
