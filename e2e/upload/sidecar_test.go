package upload_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/manifest"

	"lighterman.dev/lighterman/e2e/serve"
)

// pod is the uploader's program with a spool and a bucket of a real store.
type pod struct {
	testing.TB

	program, spool, directory, prefix string
	env                               []string
	store                             uploader.Store
	files                             map[string]string // SHA-256 by name
}

func newPod(t *testing.T, server *serve.S3) *pod {
	t.Helper()
	where := locate(t, server, server.Bucket(t, "sidecar"))
	return podWith(t, openS3(t, server, where), uploader.Config{
		PartSizeMiB: 5, CAFile: server.CAFile, S3: &where, BandwidthLimit: 60 << 20,
	})
}

// podWith is a pod whose settings name a store.
func podWith(t *testing.T, store uploader.Store, settings uploader.Config) *pod {
	t.Helper()
	p := &pod{
		TB: t, program: filepath.Join(t.TempDir(), "uploader"), spool: t.TempDir(), directory: t.TempDir(),
		prefix: rand.Text(), files: map[string]string{}, store: store,
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", p.program, "./cmd/uploader")
	build.Dir = "../.." // The program is of another module.
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	settings.Spool, settings.Directory, settings.Prefix = p.spool, p.directory, p.prefix
	p.env = append(os.Environ(), uploader.EnvConfig+"="+settings.String(), uploader.EnvPodNamespace+"=ns",
		uploader.EnvPodName+"=pod", uploader.EnvPodUID+"=uid")
	return p
}

func (p *pod) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p *pod) command(args ...string) *exec.Cmd {
	c := exec.CommandContext(context.WithoutCancel(p.Context()), p.program, args...)
	c.Env = p.env
	return c
}

func (p *pod) sidecar() *exec.Cmd {
	p.Helper()
	c := p.command("run", "--termination-log", "")
	c.Stderr = p.Output()
	p.must(c.Start())
	return c
}

func (p *pod) write(name string, size int) {
	p.Helper()
	data := make([]byte, size)
	if _, err := rand.Read(data); err != nil {
		p.Fatal(err)
	}
	sum := sha256.Sum256(data)
	p.files[name] = hex.EncodeToString(sum[:])
	p.must(os.WriteFile(filepath.Join(p.spool, name), data, 0o600))
}

// ended drains the sidecar, and checks that all files are stored as they were written.
func (p *pod) ended(c *exec.Cmd) {
	p.Helper()
	for deadline := time.Now().Add(time.Minute); p.command("probe", "--directory", p.directory).Run() != nil; {
		if time.Now().After(deadline) {
			p.Fatal("the sidecar does not get ready")
		}
	}
	p.must(c.Process.Signal(syscall.SIGTERM))
	if err := c.Wait(); err != nil {
		p.Fatalf("the sidecar says that not all is stored: %v", err)
	}
	key := p.prefix + "/ns/pod/.lighterman/uid/manifest.json"
	m, err := manifest.Load(p.Context(), p.store, key)
	p.must(err)
	if !m.Final || len(m.Files) != len(p.files) {
		p.Errorf("the manifest names %d of %d files, final: %v", len(m.Files), len(p.files), m.Final)
	}
	for _, f := range m.Files {
		if f.SHA256 != p.files[f.Path] {
			p.Errorf("%s was written with %s, and the manifest says %s", f.Path, p.files[f.Path], f.SHA256)
		}
	}
	if out, err := p.command("verify", key).CombinedOutput(); err != nil {
		p.Errorf("%v: %s", err, out)
	}
	for u, err := range p.store.Unfinished(p.Context(), p.prefix+"/ns/pod/") {
		p.must(err)
		p.Errorf("an upload of %s is left over", u.Key)
	}
}

// The sidecar is killed at random moments while it sends files in parts to a real store.
func TestSidecarIsKilled(t *testing.T) {
	p := newPod(t, serve.Versitygw(t, serve.S3Options{}))
	for i := range 12 {
		c := p.sidecar()
		p.write(fmt.Sprintf("large-%d", i), 12<<20+i)
		p.write(fmt.Sprintf("small-%d", i), 1000*i)
		time.Sleep(time.Duration(mathrand.IntN(1500)) * time.Millisecond) //nolint:gosec // Any moment will do.
		p.must(c.Process.Kill())
		if err := c.Wait(); err == nil {
			t.Error("it was killed, and has ended well")
		}
	}
	p.ended(p.sidecar())
}

// The store stands still in the middle of an upload, and comes back.
func TestStoreThatStandsStill(t *testing.T) {
	server := serve.Versitygw(t, serve.S3Options{})
	p := newPod(t, server)
	c := p.sidecar()
	p.write("large", 100<<20)
	time.Sleep(time.Second)
	p.must(server.Process.Signal(syscall.SIGSTOP))
	time.Sleep(5 * time.Second)
	p.must(server.Process.Signal(syscall.SIGCONT))
	p.ended(c)
}
