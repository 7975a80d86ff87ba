package uploadercmd

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lighterman.dev/lighterman/internal/exitcode"
	"lighterman.dev/lighterman/uploader/manifest"
)

// newStdoutPod returns a pod whose backup is the standard output of container dump.
func newStdoutPod(t *testing.T, settings string) *pod {
	t.Helper()
	p := newPod(t, "")
	p.settings = `{"directory":"` + p.directory + `","completion":"Wrap","partSizeMiB":1,` +
		`"containers":[{"name":"dump","stdout":"orders.dump"}],` + location + settings + `}`
	return p
}

// dump starts a command whose standard output is the backup.
func (p *pod) dump(args ...string) *process {
	p.Helper()
	return p.dumpWith(nil, args...)
}

// dumpWith is dump with further flags of exec.
func (p *pod) dumpWith(flags []string, args ...string) *process {
	p.Helper()
	all := append([]string{
		"exec", "--directory", p.directory, "--container=dump", "--stdout=orders.dump", "--timeout", "60s",
	}, flags...)
	return p.start(append(append(all, "--"), args...)...)
}

// file writes random bytes outside of what is uploaded.
func (p *pod) file(size int) (name string, data []byte) {
	p.Helper()
	data = make([]byte, size)
	rand.NewChaCha8([32]byte{byte(size)}).Read(data)
	name = filepath.Join(p.TempDir(), "data")
	p.must(os.WriteFile(name, data, 0o600))
	return name, data
}

// certified checks that the run is complete with one file.
func (p *pod) certified(data []byte) {
	p.Helper()
	if got := p.object("orders.dump"); !bytes.Equal(got, data) {
		p.Errorf("the object has %d bytes that are not the %d that the command has written", len(got), len(data))
	}
	m := p.manifest()
	if len(m.Files) != 1 || m.State != manifest.Complete {
		p.Fatalf("the manifest is %+v", m)
	}
	f := m.Files[0]
	if f.Path != "orders.dump" || f.Size != int64(len(data)) || f.SHA256 != fmt.Sprintf("%x", sum(data)) {
		p.Errorf("the manifest has %+v", f)
	}
	if r := p.start("verify", manifestKey); r.code() != 0 {
		p.Error("what is stored is not what the manifest says")
	}
	p.nothingLeft()
}

// nothingVisible checks that the store has no object and no unfinished upload, and that no manifest says otherwise.
func (p *pod) nothingVisible() {
	p.Helper()
	if got := p.object("orders.dump"); got != nil {
		p.Errorf("%d bytes are visible", len(got))
	}
	if r, err := p.store.Open(p.Context(), manifestKey, ""); err == nil {
		defer r.Close()
		m, err := manifest.Load(p.Context(), p.store, manifestKey)
		p.must(err)
		if m.State == manifest.Complete || len(m.Files) > 0 {
			p.Errorf("the manifest says %+v", m)
		}
	}
	p.nothingLeft()
}

func TestStdoutIsTheBackup(t *testing.T) {
	for name, flags := range map[string][]string{"the pipe is passed": nil, "the output is copied": {"--copy-stdout"}} {
		for _, size := range []int{1, 1 << 20, 5<<20 + 77} {
			t.Run(fmt.Sprint(name, " ", size), func(t *testing.T) {
				p := newStdoutPod(t, "")
				p.sidecar()
				source, data := p.file(size)
				r := p.dumpWith(flags, "cat", source) // No shell is needed.
				if code := r.code(); code != 0 {
					t.Fatalf("exit code %d", code)
				}
				p.certified(data)
				if want := "1 files with "; !strings.Contains(r.text(), want) {
					t.Errorf("%q is not in %s", want, r.text())
				}
				if copied := strings.Contains(r.text(), "copied through the sidecar's socket"); copied != (flags != nil) {
					t.Errorf("it is copied: %v: %s", copied, r.text())
				}
			})
		}
	}
}

// The command's input is untouched, and nothing of its output is in the container's log.
func TestStdoutLeavesTheInputAlone(t *testing.T) {
	p := newStdoutPod(t, "")
	p.sidecar()
	c := p.command("exec", "--directory", p.directory, "--container=dump", "--stdout=orders.dump", "--", "cat")
	c.Stdin = strings.NewReader("through\x00and through")
	out, err := c.Output()
	if err != nil || len(out) > 0 {
		t.Errorf("got %q, %v", out, err)
	}
	p.certified([]byte("through\x00and through"))
}

func TestStdoutOfAFailedCommand(t *testing.T) {
	p := newStdoutPod(t, "")
	s := p.sidecar()
	source, data := p.file(5 << 20)
	for name, test := range map[string]struct {
		args []string
		want int
	}{
		"it dies behind the last byte": {[]string{"sh", "-c", `cat "$0"; exit 3`, source}, 3},
		"it is killed":                 {[]string{"sh", "-c", `cat "$0"; kill -KILL $$`, source}, 137},
		"it does not exist":            {[]string{"/no/such/command"}, exitcode.NotFound},
	} {
		if code := p.dump(test.args...).code(); code != test.want {
			t.Errorf("%s: exit code %d, want %d", name, code, test.want)
		}
		p.nothingVisible()
	}
	// The next attempt is not in the way of anything.
	if code := p.dump("cat", source).code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	p.certified(data)
	s.signal(syscall.SIGTERM)
	if code := s.code(); code != 0 {
		t.Errorf("the sidecar ends with %d", code)
	}
	p.certified(data)
}

// Nothing is not a backup.
func TestEmptyStdout(t *testing.T) {
	p := newStdoutPod(t, "")
	p.sidecar()
	r := p.dump("true")
	if code := r.code(); code != exitcode.NotStored {
		t.Errorf("exit code %d", code)
	}
	if want := "written nothing to its standard output: set spec.uploader.expect.minFiles to 0"; !strings.Contains(r.text(), want) {
		t.Errorf("%q is not in %s", want, r.text())
	}
	p.nothingVisible()

	p = newStdoutPod(t, `,"expect":{"minFiles":0}`)
	p.sidecar()
	if code := p.dump("true").code(); code != 0 {
		t.Errorf("with minFiles 0: exit code %d", code)
	}
	p.certified([]byte{})
}

// A command is not started where nobody would take its output.
func TestStdoutWithoutASidecar(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "started")
	p := newStdoutPod(t, "")
	r := p.start("exec", "--directory", p.directory, "--container=dump", "--stdout=orders.dump", "--timeout", "2s", "--", "touch", marker)
	if code := r.code(); code != exitcode.NotStored {
		t.Errorf("exit code %d", code)
	}
	p.sidecar()
	other := p.start("exec", "--directory", p.directory, "--container=dump", "--stdout=other.dump", "--", "touch", marker)
	if code := other.code(); code != exitcode.NotStored {
		t.Errorf("with another name: exit code %d", code)
	}
	for r, want := range map[*process]string{
		r:     "the command was not started, for the sidecar does not take its standard output: reach the sidecar",
		other: `is to store its standard output as "orders.dump", and its exec has --stdout=other.dump`,
	} {
		if !strings.Contains(r.text(), want) {
			t.Errorf("%q is not in %s", want, r.text())
		}
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("the command was started")
	}
	// An exec that does not know that the output is the backup.
	unaware := p.start("exec", "--directory", p.directory, "--container=dump", "--timeout", "60s", "--", "true")
	if code := unaware.code(); code != exitcode.NotStored {
		t.Errorf("without --stdout: exit code %d", code)
	}
	p.nothingVisible()
}

// Hours of a dump are not spent on a key that is taken.
func TestStdoutOfATakenKey(t *testing.T) {
	p := newStdoutPod(t, "")
	p.sidecar()
	source, data := p.file(100)
	if code := p.dump("cat", source).code(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	marker := filepath.Join(t.TempDir(), "started")
	r := p.dump("touch", marker)
	if code := r.code(); code != exitcode.NotStored {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(r.text(), "another object has the key") {
		t.Errorf("got %s", r.text())
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("the command was started")
	}
	if got := p.object("orders.dump"); !bytes.Equal(got, data) {
		t.Errorf("the object is %q", got)
	}
}

// says waits until a process has written something.
func (r *process) says(text string) {
	r.p.Helper()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(r.text(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.p.Fatalf("it does not say %q: %s", text, r.text())
		}
	}
}

// A sidecar that dies takes the output with it: the command hears of it with the next byte, and fails even if it does not
// care. Only what had ended before can still be published.
func TestStdoutWhenTheSidecarDies(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		want   int
		says   string
	}{
		"the command ends by SIGPIPE": {`cat "$0"; touch "$1"; exec yes`, exitcode.FromSignal(syscall.SIGPIPE), ""},
		"the command ignores that": {
			`trap "" PIPE; cat "$0"; touch "$1"; while cat "$0" 2>/dev/null; do :; done; exit 0`, exitcode.NotStored,
			"the sidecar was started again while the command ran, and the standard output is lost",
		},
		"the command writes nothing afterwards": {
			`cat "$0"; touch "$1"; until test -e "$1.go"; do sleep 0.02; done`, exitcode.NotStored,
			"the sidecar has ended while the command runs",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newStdoutPod(t, "")
			first := p.sidecar()
			source, data := p.file(3<<20 + 1)
			written := filepath.Join(t.TempDir(), "written")
			r := p.dump("sh", "-c", test.script, source, written)
			p.exists(written)
			first.signal(syscall.SIGKILL)
			first.gone()
			second := p.sidecar()
			p.must(os.WriteFile(written+".go", nil, 0o600))
			if code := r.code(); code != test.want {
				t.Errorf("exit code %d, want %d: %s", code, test.want, r.text())
			}
			if !strings.Contains(r.text(), test.says) {
				t.Errorf("it does not say why: %s", r.text())
			}
			p.nothingVisible()
			if code := p.dump("cat", source).code(); code != 0 {
				t.Errorf("the next attempt ends with %d", code)
			}
			p.certified(data)
			second.signal(syscall.SIGTERM)
			if code := second.code(); code != 0 {
				t.Errorf("the sidecar ends with %d", code)
			}
		})
	}
}

// What had ended when the sidecar was killed is in the store, and the next sidecar publishes it.
func TestStdoutThatHadEndedIsPublishedByTheNextSidecar(t *testing.T) {
	p := newStdoutPod(t, "")
	first := p.sidecar()
	source, data := p.file(3<<20 + 1)
	release := filepath.Join(t.TempDir(), "release")
	r := p.dump("sh", "-c", `cat "$0"; exec >&-; until test -e "$1"; do sleep 0.02; done`, source, release)
	first.says("standard output has ended")
	first.signal(syscall.SIGKILL)
	first.gone()
	p.sidecar()
	p.must(os.WriteFile(release, nil, 0o600))
	if code := r.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	p.certified(data)
}

// A container that is killed leaves nothing behind, and its next attempt succeeds.
func TestStdoutWhenExecIsKilled(t *testing.T) {
	for name, flags := range map[string][]string{"the pipe is passed": nil, "the output is copied": {"--copy-stdout"}} {
		t.Run(name, func(t *testing.T) {
			p := newStdoutPod(t, "")
			s := p.sidecar()
			source, data := p.file(3<<20 + 1)
			r := p.dumpWith(flags, "sh", "-c", `cat "$0"; echo $$ > "$1"; exec sleep 60 2>/dev/null`, source, filepath.Join(p.directory, "pid"))
			p.exists(filepath.Join(p.directory, "pid"))
			r.signal(syscall.SIGKILL)
			r.gone()
			s.says("its session was lost")
			p.nothingVisible()
			if code := p.dump("cat", source).code(); code != 0 {
				t.Errorf("the next attempt ends with %d", code)
			}
			p.certified(data)
			p.killLeftOver()
		})
	}
}

// killLeftOver ends the command whose exec was killed: a container would have ended it.
func (p *pod) killLeftOver() {
	p.Helper()
	text, err := os.ReadFile(filepath.Join(p.directory, "pid"))
	p.must(err)
	var pid int
	_, err = fmt.Sscan(string(text), &pid)
	p.must(err)
	p.must(syscall.Kill(pid, syscall.SIGKILL))
}

// A process that the command has left behind is named: nobody knows whether it writes more.
func TestStdoutThatALeftOverProcessHolds(t *testing.T) {
	p := newStdoutPod(t, "")
	p.sidecar()
	pid := filepath.Join(p.directory, "pid")
	r := p.dump("sh", "-c", `echo data; sleep 300 2>/dev/null & echo $! > "$0"`, pid)
	if code := r.code(); code != exitcode.NotStored {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"keeps the standard output open", "(sleep)"} {
		if !strings.Contains(r.text(), want) {
			t.Errorf("%q is not in %s", want, r.text())
		}
	}
	p.killLeftOver()
	p.nothingVisible()
}

// TestStdoutKill kills the sidecar or exec at random moments. At no time anything but a whole dump is visible, and each run
// whose exec ends with 0 is.
func TestStdoutKill(t *testing.T) {
	p := newStdoutPod(t, `,"bandwidthLimit":40000000`)
	source, data := p.file(8<<20 + 3)
	random := rand.New(rand.NewPCG(3, uint64(*kills)))
	good := 0
	for i := range *kills {
		s := p.sidecar()
		r := p.dump("cat", source)
		victim := []*process{s, r}[i%2]
		time.Sleep(time.Duration(random.IntN(int(500 * time.Millisecond))))
		_ = victim.Process.Kill() // It may just have ended.
		if victim == s {
			s.gone()
			s = p.sidecar()
		}
		code := -1
		if victim == s || i%2 == 0 {
			code = r.code()
		}
		if got := p.object("orders.dump"); got != nil {
			if !bytes.Equal(got, data) {
				t.Fatalf("round %d: %d of %d bytes are visible", i, len(got), len(data))
			}
			good++
		} else if code == 0 {
			t.Fatalf("round %d: exec has ended with 0, and nothing is stored", i)
		}
		s.signal(syscall.SIGTERM)
		_ = s.code() // It depends on the moment.
		p.nothingLeft()
		p.must(os.RemoveAll(filepath.Join(p.share, "ns")))
		p.must(os.RemoveAll(filepath.Join(p.directory, "journal")))
	}
	t.Logf("%d kills, %d of them too late", *kills, good)
}
