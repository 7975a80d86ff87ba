package uploadercmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"lighterman.dev/lighterman/internal/exitcode"
	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
)

// verify runs the command, and returns what it writes.
func (p *pod) verify(args ...string) (code int, stdout, stderr string) {
	p.Helper()
	c := p.command(append([]string{"verify", manifestKey}, args...)...)
	var out, log bytes.Buffer
	c.Stdout, c.Stderr = &out, &log
	err := c.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), out.String(), log.String()
	}
	p.must(err)
	return 0, out.String(), log.String()
}

// TestVerifyJudgesTheState: what a manifest says of its run counts as much as the objects that it lists.
func TestVerifyJudgesTheState(t *testing.T) {
	p := newPod(t, "")
	text := []byte("a dump")
	_, err := p.store.Put(t.Context(), &objstore.Object{Key: "ns/pod/dump"},
		objstore.Body{ReaderAt: bytes.NewReader(text), Size: int64(len(text))})
	p.must(err)
	file := manifest.File{Path: "dump", Key: "ns/pod/dump", Size: int64(len(text)), SHA256: hexSum(text)}
	none := &uploader.Expect{MinFiles: new(int64)}
	for name, test := range map[string]struct {
		state        manifest.State
		files        []manifest.File
		expect       *uploader.Expect
		args         []string
		code         int
		says, avoids string
	}{
		"complete":                     {state: manifest.Complete, files: []manifest.File{file}, says: "1 files of ns/pod", avoids: "warning"},
		"complete, as is asked":        {state: manifest.Complete, files: []manifest.File{file}, args: []string{"--complete"}, says: "1 files of ns/pod"},
		"drained":                      {state: manifest.Drained, files: []manifest.File{file}, says: "warning: the manifest is drained"},
		"drained, complete is asked":   {state: manifest.Drained, files: []manifest.File{file}, args: []string{"--complete"}, code: exitcode.Failed, says: "is drained, not complete"},
		"open":                         {state: manifest.Open, files: []manifest.File{file}, code: exitcode.Failed, says: "the manifest is open"},
		"of no file":                   {state: manifest.Complete, code: exitcode.Failed, says: "lists no file"},
		"of no file, none is expected": {state: manifest.Complete, expect: none, says: "0 files of ns/pod", avoids: "lists no file"},
	} {
		t.Run(name, func(t *testing.T) {
			p := *p
			p.T = t
			m := &manifest.Manifest{
				Format: manifest.Format, Key: manifestKey, State: test.state, Pod: uploader.Pod{Namespace: "ns", Name: "pod", UID: "uid"},
				Started: time.Now(), Written: time.Now(), Files: test.files, Expect: test.expect,
				Totals: manifest.Totals{Files: len(test.files), Bytes: int64(len(test.files) * len(text))},
			}
			_, err := m.Put(t.Context(), p.store, objstore.Object{})
			p.must(err)
			code, stdout, stderr := p.verify(test.args...)
			if code != test.code || !strings.Contains(stdout+stderr, test.says) {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
			}
			if strings.Contains(stdout, "warning") || test.avoids != "" && strings.Contains(stderr, test.avoids) {
				t.Errorf("stdout %q, stderr %q", stdout, stderr)
			}
		})
	}
}

// TestVerifyManyFiles: files are verified several at a time, and the lines are in the order of the manifest.
func TestVerifyManyFiles(t *testing.T) {
	p := newPod(t, `,"overwrite":true`)
	const files = 2500
	for n := range files {
		p.write(fmt.Sprintf("%05d", n), []byte(strconv.Itoa(n)))
	}
	last := p.sidecar()
	last.signal(syscall.SIGTERM)
	if code := last.code(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	_, err := p.store.Put(t.Context(), &objstore.Object{Key: "ns/pod/01234", Overwrite: true},
		objstore.Body{ReaderAt: strings.NewReader("1235"), Size: 4})
	p.must(err)
	var former string
	for _, concurrency := range []string{"1", "16", "256"} {
		code, stdout, stderr := p.verify("--concurrency", concurrency)
		lines := strings.Split(strings.TrimSpace(stdout), "\n")
		if code != exitcode.Failed || len(lines) != files || !strings.Contains(stderr, "1 of 2500 files") {
			t.Errorf("exit code %d, %d lines, stderr %q", code, len(lines), stderr)
		}
		if strings.Count(stdout, "FAIL  ") != 1 || !strings.Contains(stdout, "FAIL  01234: ") {
			t.Errorf("not the one failure in %q …", lines[0])
		}
		if former != "" && stdout != former {
			t.Errorf("with concurrency %s the lines are others", concurrency)
		}
		former = stdout
	}
	if code, _, stderr := p.verify("--concurrency", "0"); code != exitcode.Failed || !strings.Contains(stderr, "from 1 to 256") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	segments, err := filepath.Glob(filepath.Join(p.share, "ns/pod/.lighterman/uid/files-*"))
	if err != nil || len(segments) != 1 {
		t.Fatalf("the segments are %q, %v", segments, err)
	}
	p.must(os.Remove(segments[0]))
	if code, _, stderr := p.verify(); code != exitcode.Failed || !strings.Contains(stderr, "read the segment") {
		t.Errorf("without the segment: exit code %d, stderr %q", code, stderr)
	}
}

// TestVerifyDoesNotWaitForOneFile: one request after the other takes hours over a network.
func TestVerifyDoesNotWaitForOneFile(t *testing.T) {
	const concurrency = 8
	store := &slowStore{arrived: make(chan string, 100), release: make(chan struct{})}
	m := &manifest.Manifest{Format: manifest.Format, Key: manifestKey, State: manifest.Complete}
	for n := range 50 {
		m.Files = append(m.Files, manifest.File{Path: strconv.Itoa(n), Key: "ns/pod/" + strconv.Itoa(n)})
	}
	m.Totals.Files = len(m.Files)
	v := &fileVerifier{store: store, concurrency: concurrency, progress: io.Discard}
	verified := make(chan error, 1)
	var order []string
	go func() {
		verified <- v.verify(t.Context(), m, func(f *manifest.File, err error) {
			if err != nil {
				t.Error(err)
			}
			order = append(order, f.Path)
		})
	}()
	for range concurrency {
		<-store.arrived
	}
	if len(store.arrived) > 0 {
		t.Error("more requests are made than asked for")
	}
	close(store.release)
	if err := <-verified; err != nil || len(order) != len(m.Files) || order[0] != "0" || order[49] != "49" {
		t.Errorf("got %v, %q", err, order)
	}
}

// slowStore answers when it is told to.
type slowStore struct {
	objstore.Store

	arrived chan string
	release chan struct{}
}

func (s *slowStore) Stat(_ context.Context, key string) (objstore.Stored, error) {
	s.arrived <- key
	<-s.release
	return objstore.Stored{Key: key}, nil
}
