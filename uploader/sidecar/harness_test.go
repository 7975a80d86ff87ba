package sidecar_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lighterman.dev/lighterman/internal/test/dirstore"
	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/session"
	"lighterman.dev/lighterman/uploader/sidecar"
	"lighterman.dev/lighterman/uploader/storetest"
)

var pod = uploader.Pod{Namespace: "payments", Name: "pg", UID: "6f1c"}

// manifestKey is that of the runs of these tests.
const manifestKey = "payments/pg/.lighterman/6f1c/manifest.json"

// fault is a store whose calls fail as set.
type fault struct {
	objstore.Store

	// fail returns the error of a call; nil: the call is made.
	fail atomic.Pointer[func(call, key string) error]
}

func (f *fault) set(fail func(call, key string) error) { f.fail.Store(&fail) }

func (f *fault) error(call, key string) error {
	if fail := f.fail.Load(); fail != nil {
		return (*fail)(call, key)
	}
	return nil
}

func (f *fault) Put(ctx context.Context, o *objstore.Object, body objstore.Body) (objstore.Stored, error) {
	if err := f.error("Put", o.Key); err != nil {
		return objstore.Stored{}, err
	}
	return f.Store.Put(ctx, o, body)
}

func (f *fault) PutPart(
	ctx context.Context, o *objstore.Object, id string, number int, body objstore.Body,
) (objstore.Part, error) {
	if err := f.error("PutPart", o.Key); err != nil {
		return objstore.Part{}, err
	}
	return f.Store.PutPart(ctx, o, id, number, body)
}

func (f *fault) Open(ctx context.Context, key, version string) (io.ReadCloser, error) {
	if err := f.error("Open", key); err != nil {
		return nil, err
	}
	return f.Store.Open(ctx, key, version)
}

func (f *fault) Stat(ctx context.Context, key string) (objstore.Stored, error) {
	if err := f.error("Stat", key); err != nil {
		return objstore.Stored{}, err
	}
	return f.Store.Stat(ctx, key)
}

// storeError is one of a class.
func storeError(class objstore.Class) error {
	return &objstore.Error{Class: class, Err: errors.New("a fault of the test")}
}

// harness is a pod: a spool, a store, and the sidecar between them.
type harness struct {
	*testing.T

	options sidecar.Options
	spool   string
	store   *dirstore.Store
	fault   *fault

	drain  chan struct{}
	kill   context.CancelFunc
	result chan error
	logs   lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.String()
}

func newHarness(t *testing.T, change func(*uploader.Config)) *harness {
	t.Helper()
	h := &harness{T: t, spool: storetest.TempDir(t)}
	limits := &objstore.Limits{
		MinPart: 1, MaxPart: 1 << 30, MaxParts: 1 << 40, MaxPut: 1 << 30, Algorithm: objstore.CRC64NVME,
	}
	store, err := dirstore.Open(storetest.TempDir(t), dirstore.Options{Limits: limits})
	h.must(err)
	h.store, h.fault = store, &fault{Store: store}
	config, err := uploader.ParseConfig(
		`{"spool":"` + h.spool + `","partSizeMiB":1,"gcs":{"bucket":"b","auth":{"mode":"ambient"}}}`,
	)
	h.must(err)
	config.Directory = storetest.TempDir(t)
	if change != nil {
		change(config)
	}
	h.options = sidecar.Options{
		Config: config, Pod: pod, Store: h.fault, Version: "test",
		WalkInterval: time.Second, SettleDelay: 50 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(&h.logs, nil)),
		PreflightLimits: map[objstore.Class]time.Duration{
			objstore.Transient: 3 * time.Second, objstore.Denied: 3 * time.Second,
		},
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(h.logs.text())
		}
	})
	return h
}

func (h *harness) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// start starts the sidecar.
func (h *harness) start() {
	h.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.Context()))
	h.drain, h.kill, h.result = make(chan struct{}), cancel, make(chan error, 1)
	go func(drain chan struct{}, result chan error) { result <- sidecar.Run(ctx, drain, h.options) }(h.drain, h.result)
	h.Cleanup(cancel)
}

// ready starts the sidecar and waits until it takes files.
func (h *harness) ready() {
	h.Helper()
	h.start()
	h.eventually("the sidecar is ready", func() bool {
		ready := false
		request := session.Request{Ask: session.AskReady}
		err := session.Ask(h.Context(), h.options.Config.Directory, request, func(a session.Answer) bool {
			ready = a.Ready
			return false
		})
		return err == nil && ready
	})
}

// end begins the drain, and returns the result of Run.
func (h *harness) end() error {
	h.Helper()
	close(h.drain)
	return h.ended()
}

func (h *harness) ended() error {
	h.Helper()
	select {
	case err := <-h.result:
		return err
	case <-time.After(time.Minute):
		h.Fatal("the sidecar does not end")
		return nil
	}
}

func (h *harness) eventually(what string, is func() bool) {
	h.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.Fatalf("it does not come to pass that %s", what)
		}
	}
}

func (h *harness) write(name, text string) {
	h.Helper()
	path := filepath.Join(h.spool, name)
	h.must(os.MkdirAll(filepath.Dir(path), 0o755))
	h.must(os.WriteFile(path, []byte(text), 0o600))
}

// object is the content of an object; empty when there is none.
func (h *harness) object(name string) string {
	h.Helper()
	r, err := h.store.Open(h.Context(), "payments/pg/"+name, "")
	if objstore.ClassOf(err) == objstore.NotFound {
		return ""
	}
	h.must(err)
	defer r.Close()
	text, err := io.ReadAll(r)
	h.must(err)
	return string(text)
}

func (h *harness) stored(name, text string) {
	h.Helper()
	h.eventually(name+" is stored", func() bool { return h.object(name) == text })
}

// manifest is the one in the store; nil when there is none. What it names is verified.
func (h *harness) manifest() *manifest.Manifest {
	h.Helper()
	m, err := manifest.Load(h.Context(), h.store, manifestKey)
	if objstore.ClassOf(err) == objstore.NotFound {
		return nil
	}
	h.must(err)
	for i := range m.Files {
		h.must(manifest.Verify(h.Context(), h.store, &m.Files[i], true))
	}
	return m
}

// names are the files of the manifest, one after the other.
func (h *harness) names() string {
	m := h.manifest()
	if m == nil {
		return "no manifest"
	}
	var names []string
	for _, f := range m.Files {
		names = append(names, f.Path)
	}
	return strings.Join(names, " ")
}

func (h *harness) nothingLeft() {
	h.Helper()
	for u, err := range h.store.Unfinished(h.Context(), "") {
		h.must(err)
		h.Errorf("an upload of %s is left over", u.Key)
	}
}

// unfinished reports whether an upload of a key has begun and not ended.
func (h *harness) unfinished(key string) bool {
	h.Helper()
	for u, err := range h.store.Unfinished(h.Context(), "") {
		h.must(err)
		if u.Key == key {
			return true
		}
	}
	return false
}

// finish is what exec asks when a command has ended well.
func (h *harness) finish(container string) *session.Verdict {
	h.Helper()
	var verdict *session.Verdict
	h.ask(session.Request{Ask: session.AskFinish, Container: container}, func(a session.Answer) bool {
		verdict = a.Verdict
		return verdict == nil
	})
	return verdict
}

// ask sends a request to the sidecar.
func (h *harness) ask(r session.Request, take func(session.Answer) bool) {
	h.Helper()
	h.must(session.Ask(h.Context(), h.options.Config.Directory, r, take))
}

// session begins a session, and returns the function that ends it.
func (h *harness) session(container string) (end func()) {
	h.Helper()
	ctx, cancel := context.WithCancel(h.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		request := session.Request{Ask: session.AskStart, Container: container}
		_ = session.Ask(ctx, h.options.Config.Directory, request, func(session.Answer) bool { return true })
	}()
	h.eventually("the session begins", func() bool {
		return strings.Contains(h.logs.text(), `command started" container=`+container)
	})
	return func() {
		cancel()
		<-ended
	}
}
