package uploadercmd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"lighterman.dev/lighterman/internal/test/dirstore"
	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/storetest"
	"lighterman.dev/lighterman/uploader/transport"
)

// asProgram makes the test's own binary run as the program.
const asProgram = "LIGHTERMAN_TEST_AS_UPLOADER"

// shareVariable names the directory that then stands for the bucket.
const shareVariable = "LIGHTERMAN_TEST_SHARE"

// location is the store of each pod.
const location = `"s3":{"bucket":"share","auth":{"mode":"ambient"}}`

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		openFuncs["s3"] = func(uploader.Location, transport.Options) (objstore.Store, error) {
			return dirstore.Open(os.Getenv(shareVariable), dirstore.Options{})
		}
		os.Exit(Main("v0.0.0-test"))
	}
	os.Exit(m.Run())
}

// pod is a spool, a store in a directory, and the processes of a pod.
type pod struct {
	*testing.T

	spool, share, directory string
	settings                string
	store                   *dirstore.Store
}

func newPod(t *testing.T, settings string) *pod {
	t.Helper()
	p := &pod{T: t, spool: storetest.TempDir(t), share: storetest.TempDir(t), directory: storetest.TempDir(t)}
	p.settings = `{"spool":"` + p.spool + `","directory":"` + p.directory + `","partSizeMiB":1,` + location + settings + `}`
	store, err := dirstore.Open(p.share, dirstore.Options{})
	p.must(err)
	p.store = store
	return p
}

func (p *pod) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// command returns a command of the program, in the environment of the pod.
func (p *pod) command(args ...string) *exec.Cmd {
	p.Helper()
	program, err := os.Executable()
	p.must(err)
	c := exec.CommandContext(context.WithoutCancel(p.Context()), program, args...)
	c.Env = append(os.Environ(), asProgram+"=1", shareVariable+"="+p.share, uploader.EnvConfig+"="+p.settings,
		uploader.EnvPodNamespace+"=ns", uploader.EnvPodName+"=pod", uploader.EnvPodUID+"=uid")
	return c
}

// process is one that was started.
type process struct {
	*exec.Cmd

	p      *pod
	err    chan error
	mu     sync.Mutex
	output bytes.Buffer
}

func (r *process) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.output.Write(b)
}

func (r *process) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.output.String()
}

func (p *pod) start(args ...string) *process {
	p.Helper()
	r := &process{Cmd: p.command(args...), p: p, err: make(chan error, 1)}
	r.Stderr = r
	p.must(r.Start())
	go func() { r.err <- r.Wait() }()
	p.Cleanup(func() {
		_ = r.Process.Kill() // It has ended by now, where all went well.
		if p.Failed() {
			p.Logf("%v:\n%s", r.Args[1:], r.text())
		}
	})
	return r
}

// code waits for the end of a process, and returns its exit code.
func (r *process) code() int {
	r.p.Helper()
	select {
	case err := <-r.err:
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return exit.ExitCode()
		}
		r.p.must(err)
		return 0
	case <-time.After(2 * time.Minute):
		r.p.Fatalf("%v does not end", r.Args[1:])
		return -1
	}
}

// gone waits for the end of a process that was killed.
func (r *process) gone() {
	if err := <-r.err; err == nil {
		r.p.Error("the process was killed, and has ended well")
	}
}

func (r *process) signal(s syscall.Signal) {
	r.p.Helper()
	r.p.must(r.Process.Signal(s))
}

// sidecar starts one and waits until its startup probe passes.
func (p *pod) sidecar() *process {
	p.Helper()
	r := p.start("run", "--termination-log", filepath.Join(p.directory, "termination-log"))
	for deadline := time.Now().Add(30 * time.Second); p.command("probe", "--directory", p.directory).Run() != nil; {
		if time.Now().After(deadline) {
			p.Fatal("the sidecar does not get ready")
		}
	}
	return r
}

func (p *pod) write(name string, data []byte) {
	p.Helper()
	p.must(os.WriteFile(filepath.Join(p.spool, name), data, 0o600))
}

// object returns the object at the key of a file, or nil.
func (p *pod) object(name string) []byte {
	p.Helper()
	r, err := p.store.Open(p.Context(), "ns/pod/"+name, "")
	if objstore.ClassOf(err) == objstore.NotFound {
		return nil
	}
	p.must(err)
	defer r.Close()
	data, err := io.ReadAll(r)
	p.must(err)
	return data
}

const manifestKey = "ns/pod/.lighterman/uid/manifest.json"

func (p *pod) manifest() *manifest.Manifest {
	p.Helper()
	m, err := manifest.Load(p.Context(), p.store, manifestKey)
	p.must(err)
	return m
}

func (p *pod) nothingLeft() {
	p.Helper()
	for u, err := range p.store.Unfinished(p.Context(), "") {
		p.must(err)
		p.Errorf("an upload of %s is left over", u.Key)
	}
}

func sum(data []byte) [32]byte { return sha256.Sum256(data) }
