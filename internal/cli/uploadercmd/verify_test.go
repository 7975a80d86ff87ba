package uploadercmd

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
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
