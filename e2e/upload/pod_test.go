package upload_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"

	"lighterman.dev/lighterman/e2e/harness/teststores"
)

// pod is a spool, a bucket of a real store, and the uploader's processes between them.
type pod struct {
	*testing.T
	*backend

	config uploader.Config
	// secrets and identity are its environment.
	secrets  []string
	identity uploader.Pod
	// termination is where the reason of a failure is written.
	termination string
	// files are what was written, by name.
	files map[string][]byte
}

// newPod makes a pod whose sidecar goes straight to the store.
func newPod(t *testing.T, b *backend) *pod {
	t.Helper()
	p := &pod{
		T: t, backend: b, config: b.settings(b.address), secrets: b.env, files: map[string][]byte{},
		identity: uploader.Pod{Namespace: "ns", Name: "pod", UID: "uid"}, termination: filepath.Join(t.TempDir(), "termination-log"),
	}
	p.config.Spool, p.config.Directory, p.config.Prefix = t.TempDir(), t.TempDir(), rand.Text()
	p.config.CAFile, p.config.PartSizeMiB, p.config.DrainTimeoutSeconds = b.certificate.CA, b.part, 180
	return p
}

// reach lets the sidecar take another way to the store.
func (p *pod) reach(address string) {
	there := p.settings(address)
	p.config.S3, p.config.Azure, p.config.GCS = there.S3, there.Azure, there.GCS
}

// network puts one that can fail between the sidecar and the store.
func (p *pod) network() *teststores.Network {
	p.Helper()
	n := teststores.NewNetwork(p, p.address)
	p.reach(n.Address)
	return n
}

// between lets some requests be answered otherwise than by the store: those for which instead returns true.
func (p *pod) between(instead func(w http.ResponseWriter, r *http.Request) bool) {
	p.Helper()
	i := teststores.Intercept(p, "https://"+p.address, p.certificate)
	i.Instead = instead
	p.reach(strings.TrimPrefix(i.URL, "https://"))
}

// carries reports whether a request has a part of a file with it, and not only a few words.
func carries(r *http.Request) bool { return r.ContentLength > 100<<10 }

func (p *pod) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// start starts a process of the pod.
func (p *pod) start(args ...string) *process {
	p.Helper()
	env := append(os.Environ(), p.secrets...)
	return start(p.T, append(env, uploader.EnvConfig+"="+p.config.String(), uploader.EnvPodNamespace+"="+p.identity.Namespace,
		uploader.EnvPodName+"="+p.identity.Name, uploader.EnvPodUID+"="+p.identity.UID), args...)
}

// run starts the sidecar.
func (p *pod) run() *process {
	p.Helper()
	return p.start("run", "--termination-log", p.termination)
}

// sidecar starts one and waits until it takes files.
func (p *pod) sidecar() *process {
	p.Helper()
	r := p.run()
	p.ready(r)
	return r
}

func (p *pod) ready(r *process) {
	p.Helper()
	r.says(`"msg":"ready"`)
}

// preflight runs the init container, and gives its exit code and what it says to people.
func (p *pod) preflight() (code int, message string, r *process) {
	p.Helper()
	r = p.start("preflight", "--termination-log", p.termination)
	code = r.code()
	return code, p.reason(), r
}

// reason is the termination message; empty when there is none.
func (p *pod) reason() string {
	p.Helper()
	text, err := os.ReadFile(p.termination)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		p.Fatal(err)
	}
	return string(text)
}

func (p *pod) path(name string) string { return filepath.Join(p.config.Spool, name) }

// data are bytes that nobody has seen before.
func (p *pod) data(n int64) []byte {
	var seed [32]byte
	rand.Read(seed[:])
	data := make([]byte, n)
	mathrand.NewChaCha8(seed).Read(data)
	return data
}

// write completes a file.
func (p *pod) write(name string, data []byte) {
	p.Helper()
	p.files[name] = data
	p.must(os.WriteFile(p.path(name), data, 0o600))
}

// large writes a file of some parts and a half.
func (p *pod) large(name string, parts int64) {
	p.Helper()
	p.write(name, p.data(parts*p.size()+p.size()/2))
}

// size is that of a part, in bytes.
func (p *pod) size() int64 { return p.config.PartSizeMiB << 20 }

func (p *pod) key(name string) string {
	return p.config.Prefix + "/" + p.identity.Namespace + "/" + p.identity.Name + "/" + name
}

func (p *pod) manifestKey() string { return p.key(".lighterman/" + p.identity.UID + "/manifest.json") }

// slow lets the sidecar send two parts in a second, one after the other: so that there is a middle of an upload.
func (p *pod) slow() { p.config.Concurrency, p.config.BandwidthLimit = 1, 2*p.size() }

// sent waits until the store has confirmed parts of a file.
func (p *pod) sent(name string, parts int) {
	p.Helper()
	eventually(p, "parts of "+name+" are sent", func() bool {
		journal, err := os.ReadFile(filepath.Join(p.config.Directory, "journal"))
		return err == nil && strings.Count(string(journal), `{"part":{"path":"`+name+`"`) >= parts
	})
}

// stored waits until a file is durable.
func (p *pod) stored(name string) {
	p.Helper()
	eventually(p, name+" is stored", func() bool { return bytes.Equal(p.object(name), p.files[name]) })
}

// object is what is visible at the key of a file; nil: nothing.
func (p *pod) object(name string) []byte {
	p.Helper()
	return p.at(p.key(name))
}

// at is the object of a key; nil: there is none.
func (p *pod) at(key string) []byte {
	p.Helper()
	r, err := p.store.Open(p.Context(), key, "")
	if objstore.ClassOf(err) == objstore.NotFound {
		return nil
	}
	p.must(err)
	defer r.Close()
	data, err := io.ReadAll(r)
	p.must(err)
	return data
}

// whole checks that an object is what was written.
func (p *pod) whole(name string) {
	p.Helper()
	if got, want := p.object(name), p.files[name]; !bytes.Equal(got, want) {
		p.Errorf("%s has %d bytes with SHA-256 %x in the store, and %d with %x were written", name, len(got), sha256.Sum256(got), len(want), sha256.Sum256(want))
	}
}

// absent checks that nothing of a file is visible.
func (p *pod) absent(name string) {
	p.Helper()
	if got := p.object(name); got != nil {
		p.Errorf("%d bytes of %s are visible", len(got), name)
	}
}

// manifest is the one in the store; nil when there is none.
func (p *pod) manifest() *manifest.Manifest {
	p.Helper()
	m, err := manifest.Load(p.Context(), p.store, p.manifestKey())
	if objstore.ClassOf(err) == objstore.NotFound {
		return nil
	}
	p.must(err)
	return m
}

// nothingLeft checks that no upload has begun and not ended, as far as the store can tell. Azure frees what was never
// committed by itself, and tells of it until then.
func (p *pod) nothingLeft() {
	p.Helper()
	if p.name == "Azure" {
		return
	}
	for u, err := range p.store.Unfinished(p.Context(), p.key("")) {
		p.must(err)
		p.Errorf("an upload of %s is left over", u.Key)
	}
}

// drained ends the sidecar, and checks that everything that was written is stored as it was, and nothing else.
func (p *pod) drained(r *process) {
	p.Helper()
	r.signal(syscall.SIGTERM)
	if code := r.code(); code != 0 {
		p.Fatalf("the sidecar ends with %d: %s", code, p.reason())
	}
	p.complete()
}

// complete checks that the run has ended well.
func (p *pod) complete() {
	p.Helper()
	m := p.manifest()
	if m == nil || !m.Final || len(m.Files) != len(p.files) {
		p.Fatalf("the manifest of %d files is %+v", len(p.files), m)
	}
	for _, f := range m.Files {
		if want := fmt.Sprintf("%x", sha256.Sum256(p.files[f.Path])); f.SHA256 != want {
			p.Errorf("%s was written with %s, and the manifest says %s", f.Path, want, f.SHA256)
		}
	}
	p.reach(p.address)
	if r := p.start("verify", p.manifestKey()); r.code() != 0 { // It reads every object.
		p.Error("what is stored is not what the manifest says")
	}
	p.nothingLeft()
}

// refused ends the sidecar, and checks that it says so and why, and that no manifest says otherwise.
func (p *pod) refused(r *process, why ...string) {
	p.Helper()
	r.signal(syscall.SIGTERM)
	if code := r.code(); code != 1 {
		p.Errorf("the sidecar ends with %d", code)
	}
	p.says(why...)
	if m := p.manifest(); m != nil && m.Final {
		p.Errorf("the manifest says that nothing was left over: %+v", m)
	}
}

// says checks the termination message.
func (p *pod) says(why ...string) {
	p.Helper()
	reason := p.reason()
	for _, text := range why {
		if !strings.Contains(reason, text) {
			p.Errorf("the termination message does not say %q: %s", text, reason)
		}
	}
}
