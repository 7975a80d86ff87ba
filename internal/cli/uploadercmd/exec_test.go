package uploadercmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lighterman.dev/lighterman/internal/exitcode"
	"lighterman.dev/lighterman/uploader/objstore"
)

// wrapped starts a command as exec runs it.
func (p *pod) wrapped(args ...string) *process {
	p.Helper()
	return p.start(append([]string{"exec", "--directory", p.directory, "--timeout", "60s", "--"}, args...)...)
}

func TestExecStoresWhatTheCommandWrote(t *testing.T) {
	p := newPod(t, `,"completion":"Wrap"`)
	p.sidecar()
	// As in a container: with the program that the sidecar has put beside its socket.
	if out, err := exec.CommandContext(t.Context(), filepath.Join(p.directory, "uploader"), "-test.run", "^$").CombinedOutput(); err != nil {
		t.Errorf("the program that was installed does not run: %v, %s", err, out)
	}
	r := p.wrapped("sh", "-c", "echo one > "+p.spool+"/a; mkdir "+p.spool+"/d; echo two > "+p.spool+"/d/b")
	if code := r.code(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if a, b := string(p.object("a")), string(p.object("d/b")); a != "one\n" || b != "two\n" {
		t.Errorf("got %q and %q", a, b)
	}
	if m := p.manifest(); !m.Final || len(m.Files) != 2 {
		t.Errorf("got %+v", m)
	}
	if want := "2 files with 8 B are stored; the manifest is " + manifestKey; !strings.Contains(r.text(), want) {
		t.Errorf("%q is not in %s", want, r.text())
	}
}

func TestExecPassesOnInputAndOutput(t *testing.T) {
	p := newPod(t, "")
	p.sidecar()
	c := p.command("exec", "--directory", p.directory, "--", "cat")
	c.Stdin = strings.NewReader("through\x00and through")
	if out, err := c.Output(); err != nil || string(out) != "through\x00and through" {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestExecExitCodes(t *testing.T) {
	p := newPod(t, "")
	p.sidecar()
	plain := filepath.Join(t.TempDir(), "plain")
	p.must(os.WriteFile(plain, []byte("x"), 0o600))
	for name, test := range map[string]struct {
		args []string
		want int
	}{
		"the command's own":         {[]string{"sh", "-c", "echo half > " + p.spool + "/half; exit 3"}, 3},
		"the command's signal":      {[]string{"sh", "-c", "kill -KILL $$"}, 137},
		"no such command":           {[]string{"/no/such/command"}, exitcode.NotFound},
		"no such name":              {[]string{"no-such-command"}, exitcode.NotFound},
		"what is no program":        {[]string{plain}, exitcode.CannotRun},
		"a program without a shell": {[]string{"true"}, 0},
	} {
		if code := p.wrapped(test.args...).code(); code != test.want {
			t.Errorf("%s: exit code %d, want %d", name, code, test.want)
		}
	}
}

func TestExecThatFailsLeavesNoManifest(t *testing.T) {
	p := newPod(t, "")
	s := p.sidecar()
	if code := p.wrapped("sh", "-c", "echo half > "+p.spool+"/half; exit 3").code(); code != 3 {
		t.Errorf("exit code %d", code)
	}
	s.signal(syscall.SIGTERM)
	if code := s.code(); code != 1 {
		t.Errorf("the sidecar ends with %d", code)
	}
	if _, err := p.store.Stat(t.Context(), manifestKey); objstore.ClassOf(err) != objstore.NotFound {
		t.Errorf("there is a manifest: %v", err)
	}
	message, err := os.ReadFile(filepath.Join(p.directory, "termination-log"))
	if err != nil || !strings.Contains(string(message), `container "main" failed with code 3`) {
		t.Errorf("got %q, %v", message, err)
	}
}

func TestExecPassesOnSignals(t *testing.T) {
	p := newPod(t, "")
	p.sidecar()
	ready := filepath.Join(p.directory, "trapped")
	r := p.wrapped("sh", "-c", "trap 'exit 9' HUP; trap 'echo usr1 >"+p.directory+"/usr1' USR1; : > "+ready+"; while :; do sleep 0.05; done")
	p.exists(ready)
	r.signal(syscall.SIGUSR1)
	p.exists(filepath.Join(p.directory, "usr1"))
	r.signal(syscall.SIGHUP)
	if code := r.code(); code != 9 {
		t.Errorf("exit code %d", code)
	}
}

// SIGPIPE is of exec itself: a sidecar that was killed breaks its connection, and the command goes on.
func TestBrokenConnectionDoesNotEndTheCommand(t *testing.T) {
	p := newPod(t, "")
	p.sidecar()
	ready := filepath.Join(p.directory, "ready")
	r := p.wrapped("sh", "-c", ": > "+ready+"; until test -e "+ready+".go; do sleep 0.02; done; exit 9")
	p.exists(ready)
	for range 20 {
		r.signal(syscall.SIGPIPE)
		time.Sleep(5 * time.Millisecond)
	}
	p.must(os.WriteFile(ready+".go", nil, 0o600))
	if code := r.code(); code != 9 {
		t.Errorf("exit code %d", code)
	}
}

func (p *pod) exists(path string) {
	p.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return
		}
		if time.Now().After(deadline) {
			p.Fatalf("%s does not appear", path)
		}
	}
}

func TestExecFailsWhenTheUploadFails(t *testing.T) {
	p := newPod(t, "")
	p.sidecar()
	_, err := p.store.Put(t.Context(), &objstore.Object{Key: "ns/pod/dump"}, objstore.Body{ReaderAt: strings.NewReader("another"), Size: 7})
	p.must(err)
	r := p.wrapped("sh", "-c", "echo mine > "+p.spool+"/dump")
	if code := r.code(); code != exitcode.NotStored {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"the upload failed", "dump: another object has the key", "choose a key that differs for each run"} {
		if !strings.Contains(r.text(), want) {
			t.Errorf("%q is not in %s", want, r.text())
		}
	}
	if got := string(p.object("dump")); got != "another" {
		t.Errorf("the object is %q", got)
	}
}

func TestExecWithoutASidecar(t *testing.T) {
	p := newPod(t, "")
	r := p.start("exec", "--directory", p.directory, "--timeout", "2s", "--", "true")
	if code := r.code(); code != exitcode.NotStored {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(r.text(), "did not say within 2s that the files are stored") {
		t.Errorf("got %s", r.text())
	}
}

func TestExecWaitsForASidecarThatIsRestarted(t *testing.T) {
	p := newPod(t, `,"bandwidthLimit":4000000`)
	first := p.sidecar()
	p.write("dump", make([]byte, 8<<20)) // Two seconds.
	r := p.wrapped("true")
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(first.text(), "command started"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the session does not begin")
		}
	}
	first.signal(syscall.SIGKILL)
	first.gone()
	p.sidecar()
	if code := r.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if m := p.manifest(); !m.Final || len(m.Files) != 1 {
		t.Errorf("got %+v", m)
	}
}
