package upload_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/manifest"
)

// command runs a script as the command of a wrapped container.
func (p *pod) command(container, script string) *process {
	p.Helper()
	return p.start("exec", "--directory", p.config.Directory, "--container", container, "--", "sh", "-c", "cd "+p.config.Spool+"; "+script)
}

// exits waits for the end of a process, and checks its code.
func (r *process) exits(want int) {
	r.t.Helper()
	if code := r.code(); code != want {
		r.t.Errorf("%v ends with %d, and not with %d", r.Args[1:], code, want)
	}
}

// state is that of the manifest; empty: there is none.
func (p *pod) state() manifest.State {
	p.Helper()
	if m := p.manifest(); m != nil {
		return m.State
	}
	return ""
}

// becomes waits until the manifest has a state.
func (p *pod) becomes(state manifest.State) {
	p.Helper()
	eventually(p, "the manifest is "+string(state), func() bool { return p.state() == state })
}

// copies returns a script that writes data to a file of the spool.
func (p *pod) copies(name string, data []byte) string {
	p.Helper()
	from := filepath.Join(p.TempDir(), name)
	p.must(os.WriteFile(from, data, 0o600))
	return "cat " + from + " > " + name
}

// pathIsWrittenTwice has a large file and a small one each written, closed, and written again.
func (p *pod) pathIsWrittenTwice() {
	for _, mode := range []uploader.UploadMode{uploader.OnClose, uploader.Stream} {
		n := newPod(p.T, p.backend)
		n.config.Completion, n.config.Upload = uploader.Wrap, mode
		n.mount(16 * n.size()) // With Stream a part is as large as a file needs that fills the file system.
		r := n.sidecar()
		n.files["small"], n.files["large"] = n.data(1000), n.data(2*n.size()+5)
		first := n.copies("small", n.data(500)) + "; " + n.copies("large", n.data(2*n.size()+7)) + "; sleep 2; "
		n.command("main", first+n.copies("small", n.files["small"])+"; "+n.copies("large", n.files["large"])).exits(0)
		n.drained(r)
	}
}

// attemptFails has the second attempt of a command write less than the first, and the sidecar killed in between.
func (p *pod) attemptFails() {
	p.config.Completion, p.config.Restarts = uploader.Wrap, true
	r := p.sidecar()
	first := p.command("main", p.copies("half", p.data(100))+"; "+p.copies("large", p.data(2*p.size()+7))+"; sleep 2; exit 3")
	p.sent("large", 2)
	first.exits(3)
	p.absent("large")
	p.absent("half")
	r.kill()
	r = p.sidecar()
	p.files["large"] = p.data(2*p.size() + 5)
	second := p.command("main", p.copies("large", p.files["large"]))
	second.exits(0)
	second.says("1 files that a failed attempt of the command has left over, for example half")
	p.absent("half")
	p.drained(r)
	if m := p.manifest(); len(m.Skipped) != 1 || m.Skipped[0].Path != "half" || m.State != manifest.Complete {
		p.Errorf("the manifest is %+v", m)
	}
}

// anotherContainerFails has two wrapped containers.
func (p *pod) anotherContainerFails() {
	p.config.Completion, p.config.Containers = uploader.Wrap, []uploader.Container{{Name: "a"}, {Name: "b"}}
	r := p.sidecar()
	a := p.command("a", p.copies("a", p.data(100)))
	a.says("waiting for the command of container b")
	p.absent("a")
	if state := p.state(); state != "" {
		p.Errorf("the second has not begun, and there is a manifest that is %s", state)
	}
	p.command("b", "echo half > b; exit 3").exits(3)
	a.exits(notStored)
	p.refused(r, `the command of container "b" failed with code 3 in attempt 1`)
	p.absent("a")
	p.absent("b")
}

// anotherContainerIsForged has one of two wrapped containers speak for the other.
func (p *pod) anotherContainerIsForged() {
	p.config.Completion, p.config.Containers = uploader.Wrap, []uploader.Container{{Name: "a"}, {Name: "b"}}
	r := p.sidecar()
	a := p.command("a", p.copies("a", p.data(100)))
	a.says("waiting for the command of container b")
	for _, dir := range []string{p.config.Directory, filepath.Join(p.config.Directory, "containers", "a")} {
		// A container sees this directory alone, and in it the socket.
		sees := p.TempDir()
		p.must(os.Symlink(filepath.Join(dir, "socket"), filepath.Join(sees, "socket")))
		p.start("exec", "--directory", sees, "--container", "b", "--timeout", "1s", "--", "true").exits(notStored)
	}
	p.absent("a")
	p.command("b", p.copies("b", p.data(10))).exits(0)
	a.exits(0)
	r.signal(syscall.SIGTERM)
	r.exits(0)
	p.becomes(manifest.Complete)
}

// runGoesOn changes a run that is complete: a command begins again, and another container writes.
func (p *pod) runGoesOn() {
	p.config.Completion, p.config.Restarts = uploader.Wrap, true
	r := p.sidecar()
	p.files["one"] = p.data(100)
	p.command("main", p.copies("one", p.files["one"])).exits(0)
	p.becomes(manifest.Complete)
	stop := filepath.Join(p.TempDir(), "stop")
	p.files["two"] = p.data(100)
	again := p.command("main", p.copies("two", p.files["two"])+"; until test -e "+stop+"; do sleep 0.05; done")
	p.becomes(manifest.Open)
	p.absent("two")
	p.must(os.WriteFile(stop, nil, 0o600))
	again.exits(0)
	p.becomes(manifest.Complete)
	p.write("three", p.data(100))
	p.becomes(manifest.Open)
	r.says("complete manifest taken back")
	p.drained(r)
	p.becomes(manifest.Complete)
}

// failureIsRemembered kills the sidecar before the command fails, and afterwards.
func (p *pod) failureIsRemembered() {
	for _, before := range []bool{true, false} {
		n := newPod(p.T, p.backend)
		n.config.Completion = uploader.Wrap
		r := n.sidecar()
		stop := filepath.Join(n.TempDir(), "stop")
		wrapped := n.command("main", "echo half > dump; until test -e "+stop+"; do sleep 0.05; done; exit 3")
		r.says(`"msg":"command started"`)
		if before {
			r.kill()
			n.must(os.WriteFile(stop, nil, 0o600))
		} else {
			n.must(os.WriteFile(stop, nil, 0o600))
			wrapped.exits(3)
			r.kill()
		}
		r = n.sidecar()
		wrapped.exits(3)
		n.refused(r, `the command of container "main" failed with code 3 in attempt 1`)
		n.absent("dump")
	}
}

// drainFailsInPart has one file that is stored, and one that is not.
func (p *pod) drainFailsInPart() {
	p.occupy("taken", p.data(100))
	r := p.sidecar()
	p.write("stored", p.data(100))
	p.write("taken", p.data(100))
	p.refused(r, "taken: another object has the key")
	m := p.manifest()
	if m == nil || len(m.Files) != 1 || m.Files[0].Path != "stored" || !bytes.Equal(p.object("stored"), p.files["stored"]) {
		p.Errorf("the manifest is %+v", m)
	}
	if verify := p.start("verify", p.manifestKey()); verify.code() != 1 || !strings.Contains(verify.text(), "open") {
		p.Errorf("verify: %s", verify.text())
	}
}
