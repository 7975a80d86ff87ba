package upload_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/manifest"
)

// dumpName is the path of the standard output that is the backup.
const dumpName = "orders.dump"

// pipes makes the standard output of container dump the backup, in place of a spool.
func (p *pod) pipes() {
	p.config.Spool, p.config.Completion = "", uploader.Wrap
	p.config.Containers = []uploader.Container{{Name: "dump", Stdout: dumpName}}
}

// dump starts a script whose standard output is the backup. In $0 is a file with what is to be stored, of some parts and a half, and
// $1 is the path of a file that is not there.
func (p *pod) dump(script string, parts int64) *process {
	p.Helper()
	data := p.data(parts*p.size() + p.size()/2)
	source := filepath.Join(p.TempDir(), "source")
	p.must(os.WriteFile(source, data, 0o600))
	p.files[dumpName] = data
	return p.start("exec", "--directory", p.config.Directory, "--container=dump", "--stdout="+dumpName, "--timeout=3m", "--",
		"/bin/sh", "-c", script, source, p.signalFile())
}

// signalFile is a path by which a script and its test talk.
func (p *pod) signalFile() string { return filepath.Join(p.config.Directory, "signal") }

func (p *pod) signalled() {
	p.Helper()
	eventually(p, "the script has come that far", func() bool {
		_, err := os.Stat(p.signalFile())
		return err == nil
	})
}

// nothingStored checks that nothing of the output is visible or left over, and that no manifest names it.
func (p *pod) nothingStored() {
	p.Helper()
	p.reach(p.address)
	p.absent(dumpName)
	p.nothingLeft()
	if m := p.manifest(); m != nil && (m.State == manifest.Complete || m.Totals.Files > 0) {
		p.Errorf("the manifest says %+v", m)
	}
}

// retried checks that a further attempt stores its output, whatever the earlier one has left.
func (p *pod) retried() {
	p.Helper()
	p.must(os.RemoveAll(p.signalFile()))
	if r := p.dump(`cat "$0"`, 2); r.code() != 0 {
		p.Errorf("the next attempt ends with %d", r.code())
	}
	p.complete()
	p.whole(dumpName)
}

func (p *pod) outputIsStored() {
	p.pipes()
	p.sidecar()
	if r := p.dump(`cat "$0"`, 4); r.code() != 0 {
		p.Fatalf("exec ends with %d", r.code())
	}
	p.complete()
	p.whole(dumpName)
}

func (p *pod) commandDiesAtTheEnd() {
	p.pipes()
	p.sidecar()
	if code := p.dump(`cat "$0"; exit 3`, 4).code(); code != 3 {
		p.Errorf("exec ends with %d", code)
	}
	p.nothingStored()
	p.retried()
}

func (p *pod) outputLosesItsSidecar() {
	p.pipes()
	first := p.sidecar()
	r := p.dump(`cat "$0"; : > "$1"; exec cat "$0" "$0" "$0" "$0" "$0" "$0" "$0" "$0" /dev/zero`, 2)
	p.signalled()
	first.kill()
	p.sidecar()
	if want := 128 + int(syscall.SIGPIPE); r.code() != want {
		p.Errorf("exec ends with %d, want %d", r.code(), want)
	}
	p.nothingStored()
	p.retried()
}

func (p *pod) lossIsIgnored() {
	p.pipes()
	first := p.sidecar()
	r := p.dump(`trap "" PIPE; cat "$0"; : > "$1"; while cat "$0" 2> /dev/null; do :; done; exit 0`, 2)
	p.signalled()
	first.kill()
	p.sidecar()
	if code := r.code(); code != 74 {
		p.Errorf("exec ends with %d", code)
	}
	if !strings.Contains(r.text(), "the standard output is lost") {
		p.Errorf("it does not say why: %s", r.text())
	}
	p.nothingStored()
	p.retried()
}

func (p *pod) outputLosesItsExec() {
	p.pipes()
	s := p.sidecar()
	r := p.dump(`cat "$0"; : > "$1"; exec sleep 5 2> /dev/null`, 2)
	p.signalled()
	r.kill()
	s.says("its session was lost")
	p.nothingStored()
	p.retried()
}

func (p *pod) outputIsHeldOpen() {
	p.pipes()
	p.sidecar()
	r := p.dump(`cat "$0"; sleep 60 2> /dev/null & exit 0`, 1)
	if code := r.code(); code != 74 {
		p.Errorf("exec ends with %d", code)
	}
	for _, want := range []string{"a process that the command has left behind keeps the standard output open", "(sleep)"} {
		if !strings.Contains(r.text(), want) {
			p.Errorf("it does not say %q: %s", want, r.text())
		}
	}
	p.nothingStored()
	p.retried()
}

func (p *pod) outputIsEmpty() {
	p.pipes()
	p.sidecar()
	r := p.dump("exit 0", 1)
	if code := r.code(); code != 74 || !strings.Contains(r.text(), "written nothing to its standard output") {
		p.Errorf("exec ends with %d: %s", code, r.text())
	}
	p.nothingStored()
	p.retried()
}

func (p *pod) nobodyTakesTheOutput() {
	p.pipes()
	marker := p.signalFile()
	r := p.start("exec", "--directory", p.config.Directory, "--container=dump", "--stdout="+dumpName, "--timeout=2s", "--", "/bin/touch", marker)
	if code := r.code(); code != 74 || !strings.Contains(r.text(), "the command was not started") {
		p.Errorf("exec ends with %d: %s", code, r.text())
	}
	if _, err := os.Stat(marker); err == nil {
		p.Error("the command was started")
	}
}

// outputIsDenied has the store refuse parts for a while in which the command wants to go on: it waits, and nothing is lost.
func (p *pod) outputIsDenied() {
	p.pipes()
	var until time.Time
	p.between(func(w http.ResponseWriter, r *http.Request) bool {
		if !carries(r) {
			return false
		}
		if until.IsZero() {
			until = time.Now().Add(15 * time.Second)
		}
		if time.Now().After(until) {
			return false
		}
		p.answers[denied].give(w)
		return true
	})
	p.config.Concurrency = 1 // One request at a time looks at the time.
	p.sidecar()
	r := p.dump(`cat "$0"`, 4)
	if code := r.code(); code != 0 {
		p.Errorf("exec ends with %d", code)
	}
	if want := fmt.Sprintf("%d files with", 1); !strings.Contains(r.text(), want) {
		p.Errorf("it does not say %q: %s", want, r.text())
	}
	p.complete()
	p.whole(dumpName)
}
