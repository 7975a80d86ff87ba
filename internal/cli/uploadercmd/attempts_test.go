package uploadercmd

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lighterman.dev/lighterman/internal/exitcode"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/session"
)

// wrap are the settings of a run whose commands are wrapped, and two those of one with two containers.
const (
	wrap = `,"completion":"Wrap"`
	two  = wrap + `,"containers":[{"name":"a"},{"name":"b"}]`
)

// in starts a script as the command of a container.
func (p *pod) in(container, script string) *process {
	p.Helper()
	return p.start("exec", "--directory", p.directory, "--container", container, "--timeout", "60s", "--",
		"sh", "-c", "cd "+p.spool+"; "+script)
}

// ends waits for the end of a process, and checks its code.
func (r *process) ends(code int) {
	r.p.Helper()
	if got := r.code(); got != code {
		r.p.Errorf("%v ends with %d, and not with %d", r.Args[1:], got, code)
	}
}

// state is that of the manifest; empty: there is none.
func (p *pod) state() manifest.State {
	p.Helper()
	m, err := manifest.Load(p.Context(), p.store, manifestKey)
	if err != nil {
		return ""
	}
	return m.State
}

// becomes waits until the manifest has a state.
func (p *pod) becomes(state manifest.State) {
	p.Helper()
	for deadline := time.Now().Add(30 * time.Second); p.state() != state; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.Fatalf("the manifest is %q, and does not become %q", p.state(), state)
		}
	}
}

// names are the paths of the manifest's files.
func (p *pod) names() string {
	p.Helper()
	var names []string
	for _, f := range p.manifest().Files {
		names = append(names, f.Path)
	}
	return strings.Join(names, " ")
}

// reason is the sidecar's termination message.
func (p *pod) reason() string {
	text, _ := os.ReadFile(filepath.Join(p.directory, "termination-log")) // None: empty.
	return string(text)
}

// TestPathThatIsWrittenTwice writes a path again after it was closed. What is stored is the last whole state.
func TestPathThatIsWrittenTwice(t *testing.T) {
	const large = "head -c 3000000 /dev/zero" // Three parts.
	for name, test := range map[string]struct {
		scripts []string
		want    string
	}{
		"a loop that tries again":     {[]string{"echo part > dump; sleep 1.5; echo whole > dump"}, "whole\n"},
		"the container begins again":  {[]string{"echo part > dump; sleep 1.5; exit 1", "echo whole > dump"}, "whole\n"},
		"something is appended":       {[]string{"echo one > dump; sleep 1.5; echo two >> dump"}, "one\ntwo\n"},
		"a large file becomes small":  {[]string{large + " > dump; sleep 1.5; exit 1", "echo whole > dump"}, "whole\n"},
		"a large file becomes large":  {[]string{large + " > dump; sleep 1.5; exit 1", large + " | tr '\\000' x > dump"}, strings.Repeat("x", 3000000)},
		"a large file is written on":  {[]string{large + " > dump; sleep 1.5; echo end >> dump"}, strings.Repeat("\x00", 3000000) + "end\n"},
		"a file is replaced by a new": {[]string{large + " > dump; sleep 1.5; echo new > n; mv n dump"}, "new\n"},
	} {
		for _, upload := range []string{"OnClose", "Stream"} {
			t.Run(name+"/"+upload, func(t *testing.T) {
				t.Parallel()
				p := newPod(t, wrap+`,"upload":"`+upload+`"`)
				s := p.sidecar()
				for i, script := range test.scripts {
					code := 0
					if i < len(test.scripts)-1 {
						code = 1
					}
					r := p.in("main", script)
					if code == 1 && p.object("dump") != nil {
						t.Error("a file of an attempt that fails is visible")
					}
					r.ends(code)
				}
				if got := string(p.object("dump")); got != test.want {
					t.Errorf("%d bytes are stored, want %d", len(got), len(test.want))
				}
				if p.state() != manifest.Complete || p.names() != "dump" {
					t.Errorf("the manifest is %+v", p.manifest())
				}
				s.signal(syscall.SIGTERM)
				s.ends(0)
				p.nothingLeft()
			})
		}
	}
}

// TestLeftOverFiles has an attempt leave a file that the next one does not write. The sidecar is killed in between, or not.
func TestLeftOverFiles(t *testing.T) {
	for name, kill := range map[string]bool{"the sidecar lives": false, "the sidecar is killed": true} {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, wrap)
			p.write("before", []byte("of an init container"))
			s := p.sidecar()
			p.in("main", "echo half > half-1; head -c 3000000 /dev/zero > large; sleep 0.5; exit 3").ends(3)
			if kill {
				s.signal(syscall.SIGKILL)
				s.gone()
				s = p.sidecar()
			}
			r := p.in("main", "echo whole > whole")
			r.ends(0)
			if p.state() != manifest.Complete || p.names() != "before whole" {
				t.Errorf("the manifest names %s", p.names())
			}
			if skipped := p.manifest().Skipped; len(skipped) != 2 || skipped[0].Path != "half-1" || !strings.Contains(skipped[0].Reason, "left over") {
				t.Errorf("skipped: %+v", skipped)
			}
			r.says("not uploaded: 2 files that a failed attempt of the command has left over, for example half-1, large")
			if p.object("half-1") != nil || p.object("large") != nil {
				t.Error("what a failed attempt has left over is visible")
			}
			s.signal(syscall.SIGTERM)
			s.ends(0)
			p.nothingLeft()
		})
	}
}

// TestDeleteAfterTheCommit has the files leave the spool when the run is complete, and not before.
func TestDeleteAfterTheCommit(t *testing.T) {
	p := newPod(t, wrap+`,"afterUpload":"Delete"`)
	s := p.sidecar()
	r := p.in("main", "echo one > a; head -c 3000000 /dev/zero > large; sleep 1.5; test -e a && test -e large")
	r.ends(0)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if entries, err := os.ReadDir(p.spool); err == nil && len(entries) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the files are not deleted")
		}
	}
	s.signal(syscall.SIGTERM)
	s.ends(0)
	if p.state() != manifest.Complete || p.names() != "a large" || strings.Contains(s.text(), "taken back") {
		t.Errorf("the manifest is %+v", p.manifest())
	}
}

// TestTwoContainers has the command of one container wait for that of the other.
func TestTwoContainers(t *testing.T) {
	t.Run("both end with 0", func(t *testing.T) {
		p := newPod(t, two)
		s := p.sidecar()
		a := p.in("a", "echo a > a")
		a.says("waiting for the command of container b")
		if p.state() != "" || p.object("a") != nil {
			t.Error("something is visible before the second has begun")
		}
		p.in("b", "echo b > b").ends(0)
		a.ends(0)
		if p.state() != manifest.Complete || p.names() != "a b" {
			t.Errorf("the manifest names %s", p.names())
		}
		s.signal(syscall.SIGTERM)
		s.ends(0)
	})
	t.Run("one fails", func(t *testing.T) {
		p := newPod(t, two)
		s := p.sidecar()
		a := p.in("a", "echo a > a")
		a.says("waiting for the command of container b")
		p.in("b", "echo half > b; exit 3").ends(3)
		a.ends(exitcode.NotStored)
		a.says(`the command of container "b" failed with code 3 in attempt 1`)
		s.signal(syscall.SIGTERM)
		s.ends(1)
		if p.state() != manifest.Open || p.names() != "" || p.object("a") != nil {
			t.Errorf("the manifest is %+v", p.manifest())
		}
		if !strings.Contains(p.reason(), `container "b" failed with code 3 in attempt 1`) {
			t.Errorf("the termination message is %s", p.reason())
		}
	})
	t.Run("one fails, and begins again", func(t *testing.T) {
		p := newPod(t, two+`,"restarts":true`)
		p.sidecar()
		a := p.in("a", "echo a > a")
		a.says("waiting for the command of container b")
		p.in("b", "echo half > half; exit 3").ends(3)
		p.in("b", "echo b > b").ends(0)
		a.ends(0)
		a.says("warning: an attempt of a wrapped command has failed before")
		if p.state() != manifest.Complete || p.names() != "a b half" {
			t.Errorf("the manifest names %s", p.names())
		}
	})
	t.Run("one fails, and the pod ends", func(t *testing.T) {
		p := newPod(t, two+`,"restarts":true`)
		p.sidecar()
		a := p.in("a", "echo a > a")
		a.says("waiting for the command of container b")
		p.in("b", "exit 3").ends(3)
		a.signal(syscall.SIGTERM)
		a.ends(exitcode.NotStored)
	})
	t.Run("one never begins, and the pod ends", func(t *testing.T) {
		p := newPod(t, two+`,"restarts":true`)
		p.sidecar()
		a := p.in("a", "echo a > a")
		a.says("waiting for the command of container b")
		a.signal(syscall.SIGTERM)
		a.ends(exitcode.NotStored)
		a.says(`the command of container "b" never began`)
	})
	t.Run("one never begins", func(t *testing.T) {
		p := newPod(t, two)
		s := p.sidecar()
		a := p.in("a", "echo a > a")
		a.says("waiting for the command of container b")
		s.signal(syscall.SIGTERM)
		s.ends(1)
		a.ends(exitcode.NotStored)
		if p.state() != manifest.Open || !strings.Contains(p.reason(), `the command of container "b" never began`) {
			t.Errorf("the manifest is %s, and the termination message %s", p.state(), p.reason())
		}
	})
}

// TestForgedReports has a container speak for another, on every socket that it can reach.
func TestForgedReports(t *testing.T) {
	p := newPod(t, two)
	p.sidecar()
	a := p.in("a", "echo a > a")
	a.says("waiting for the command of container b")
	stop := filepath.Join(p.directory, "stop")
	b := p.in("b", "echo half > b; until test -e "+stop+"; do sleep 0.02; done; exit 3")
	p.exists(filepath.Join(p.spool, "b"))
	own := session.ContainerDirectory(p.directory, "a")
	for _, ask := range []string{session.AskStart, session.AskFinish, session.AskFailed} {
		for _, forged := range []session.Attempt{{Container: "b"}, {Container: "b", Session: "guessed"}} {
			for _, dir := range []string{p.directory, own} {
				// As a container that sees this directory alone: the client would look for the socket of b in it.
				link := filepath.Join(t.TempDir(), "d")
				p.must(os.Mkdir(link, 0o700))
				p.must(os.Symlink(filepath.Join(dir, session.Socket), filepath.Join(link, session.Socket)))
				err := session.Ask(t.Context(), link, session.Request{Ask: ask, Attempt: forged}, func(session.Answer) bool { return false })
				if err == nil || !strings.Contains(err.Error(), "refused") {
					t.Errorf("%s of %+v in %s: %v", ask, forged, dir, err)
				}
			}
		}
	}
	// What runs in container b itself does not know the session of its exec.
	for _, forged := range []session.Attempt{{Container: "b"}, {Container: "b", Session: "guessed"}} {
		var answer session.Answer
		_ = session.Ask(t.Context(), p.directory, session.Request{Ask: session.AskFinish, Attempt: forged}, func(a session.Answer) bool {
			answer = a
			return a.Verdict == nil
		})
		if answer.Verdict == nil || !strings.Contains(answer.Verdict.Error, "another session") {
			t.Errorf("%+v: %+v", forged, answer)
		}
	}
	if p.state() == manifest.Complete || p.object("a") != nil {
		t.Error("a forged report has completed the run")
	}
	p.must(os.WriteFile(stop, nil, 0o600))
	b.ends(3)
	a.ends(exitcode.NotStored)
	if p.state() == manifest.Complete {
		t.Error("the run is complete")
	}
}

// TestManifestIsTakenBack changes what a complete manifest was written for.
func TestManifestIsTakenBack(t *testing.T) {
	for name, test := range map[string]struct {
		change func(p *pod)
		code   int
		state  manifest.State
		names  string
	}{
		"a command begins again":           {func(p *pod) { p.in("main", "exec sleep 20") }, 1, manifest.Open, "dump"},
		"it begins again, and fails":       {func(p *pod) { p.in("main", "echo half > half; exit 3").ends(3) }, 1, manifest.Open, "dump"},
		"another container writes a file":  {func(p *pod) { p.write("late", []byte("late")) }, 0, manifest.Complete, "dump late"},
		"another container changes a file": {func(p *pod) { p.write("dump.new", nil); p.write("dump", []byte("whole\n")) }, 0, manifest.Complete, "dump dump.new"},
	} {
		for _, kill := range []bool{false, true} {
			if kill {
				name += ", after the sidecar was killed"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := newPod(t, wrap)
				s := p.sidecar()
				p.in("main", "echo whole > dump").ends(0)
				if p.state() != manifest.Complete {
					t.Fatalf("the manifest is %+v", p.manifest())
				}
				if kill {
					s.signal(syscall.SIGKILL)
					s.gone()
					s = p.sidecar()
				}
				test.change(p)
				p.becomes(manifest.Open)
				s.says("complete manifest taken back")
				s.signal(syscall.SIGTERM)
				s.ends(test.code)
				if p.state() != test.state || p.names() != test.names {
					t.Errorf("the manifest is %+v", p.manifest())
				}
			})
		}
	}
}

// TestContainerThatBeginsAgainAfterItEndedWell is that of a pod with restartPolicy Always.
func TestContainerThatBeginsAgainAfterItEndedWell(t *testing.T) {
	p := newPod(t, wrap+`,"restarts":true`)
	s := p.sidecar()
	for _, name := range []string{"first", "second", "third"} {
		p.in("main", "echo "+name+" > "+name).ends(0)
		if p.state() != manifest.Complete {
			t.Errorf("the manifest is %+v", p.manifest())
		}
	}
	s.signal(syscall.SIGTERM)
	s.ends(0)
	if p.names() != "first second third" || p.state() != manifest.Complete {
		t.Errorf("the manifest is %+v", p.manifest())
	}
}

// TestFailureOutlivesTheSidecar kills the sidecar around the moment in which the command fails. The next one knows it, and what the
// command wrote is no backup.
func TestFailureOutlivesTheSidecar(t *testing.T) {
	moments := rand.New(rand.NewPCG(3, uint64(*kills)))
	for i := range *kills {
		p := newPod(t, wrap)
		s := p.sidecar()
		r := p.in("main", "echo half > dump; sleep 0.05; exit 3")
		switch i {
		case 0: // Before.
			s.says("command started")
			s.signal(syscall.SIGKILL)
			s.gone()
			p.exists(filepath.Join(p.spool, "dump"))
			time.Sleep(200 * time.Millisecond)
		case 1: // Afterwards.
			r.ends(3)
			s.signal(syscall.SIGKILL)
			s.gone()
		default:
			time.Sleep(time.Duration(moments.IntN(int(120 * time.Millisecond))))
			s.signal(syscall.SIGKILL)
			s.gone()
		}
		s = p.sidecar()
		if i != 1 {
			r.ends(3)
		}
		s.signal(syscall.SIGTERM)
		s.ends(1)
		if p.state() != manifest.Open || p.object("dump") != nil || !strings.Contains(p.reason(), `container "main" failed with code 3 in attempt 1`) {
			t.Fatalf("kill %d: the manifest is %q, and the termination message %q", i, p.state(), p.reason())
		}
	}
}

// TestRunWithoutAFile has a command write elsewhere.
func TestRunWithoutAFile(t *testing.T) {
	elsewhere := t.TempDir()
	p := newPod(t, wrap+`,"include":["*.dump"],"exclude":["old"]`)
	s := p.sidecar()
	r := p.in("main", "echo whole > "+elsewhere+"/a.dump; echo whole > a.dmp")
	r.ends(exitcode.NotStored)
	for _, want := range []string{
		"it has 0 files, and uploader.expect.minFiles is 1", "the sidecar looked for files below " + p.spool, `include "*.dump"`,
		`exclude "old"`, "writable volume", "standard output",
	} {
		r.says(want)
	}
	s.signal(syscall.SIGTERM)
	s.ends(1)
	if p.state() != manifest.Open {
		t.Errorf("the manifest is %s", p.state())
	}
	if code := p.start("verify", manifestKey).code(); code == 0 {
		t.Error("a run of no file is verified")
	}
	allowed := newPod(t, wrap+noFiles)
	allowed.sidecar()
	allowed.in("main", "true").ends(0)
	if allowed.state() != manifest.Complete {
		t.Errorf("the manifest is %s", allowed.state())
	}
}

// TestCommandThatRunsWhenThePodEnds ends the sidecar first.
func TestCommandThatRunsWhenThePodEnds(t *testing.T) {
	p := newPod(t, wrap)
	s := p.sidecar()
	p.in("main", "echo half > dump; exec sleep 20")
	p.exists(filepath.Join(p.spool, "dump"))
	s.signal(syscall.SIGTERM)
	s.ends(1)
	if p.state() != manifest.Open || p.names() != "" || !strings.Contains(p.reason(), `container "main" had not ended in attempt 1`) {
		t.Errorf("the manifest is %+v, and the termination message %s", p.manifest(), p.reason())
	}
}

// TestPodThatIsDeletedWhileItCommits has the kubelet end the container, whose upload goes on.
func TestPodThatIsDeletedWhileItCommits(t *testing.T) {
	p := newPod(t, wrap+`,"bandwidthLimit":2000000`)
	s := p.sidecar()
	r := p.in("main", "head -c 3000000 /dev/zero > dump") // A second and a half.
	s.says("command succeeded")
	r.signal(syscall.SIGTERM)
	r.ends(0)
	s.signal(syscall.SIGTERM)
	s.ends(0)
	if p.state() != manifest.Complete || p.names() != "dump" {
		t.Errorf("the manifest is %+v", p.manifest())
	}
}

// TestManifestAfterAFailedDrain names what did arrive.
func TestManifestAfterAFailedDrain(t *testing.T) {
	for _, settings := range []string{"", wrap} {
		p := newPod(t, settings+`,"drainTimeoutSeconds":3,"bandwidthLimit":1000000`)
		p.write("small", []byte("one"))
		p.write("large", make([]byte, 16<<20))
		s := p.sidecar()
		if settings == wrap {
			p.in("main", "true").ends(exitcode.NotStored)
		}
		s.signal(syscall.SIGTERM)
		s.ends(1)
		if p.state() != manifest.Open || p.names() != "small" || p.object("large") != nil {
			t.Errorf("%s: the manifest is %+v", settings, p.manifest())
		}
		p.nothingLeft()
	}
}
