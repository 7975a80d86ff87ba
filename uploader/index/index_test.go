package index_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lighterman.dev/lighterman/internal/test/dirstore"
	"lighterman.dev/lighterman/uploader/index"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/storetest"
)

// watched is a store that counts what it is asked, and keeps what it was given.
type watched struct {
	*dirstore.Store

	dir         string
	lists, gets int
	last        *objstore.Object
	listErr     error
}

func (w *watched) List(ctx context.Context, prefix string, limit int) iter.Seq2[objstore.Listed, error] {
	w.lists++
	if w.listErr != nil {
		return func(yield func(objstore.Listed, error) bool) { yield(objstore.Listed{}, w.listErr) }
	}
	return w.Store.List(ctx, prefix, limit)
}

func (w *watched) Open(ctx context.Context, key, version string) (io.ReadCloser, error) {
	w.gets++
	return w.Store.Open(ctx, key, version)
}

func (w *watched) Put(ctx context.Context, o *objstore.Object, body objstore.Body) (objstore.Stored, error) {
	w.last = o
	return w.Store.Put(ctx, o, body)
}

// series is one whose store is a directory, with the log of its warnings.
type series struct {
	*testing.T
	index.Series

	store *watched
	log   *bytes.Buffer
}

func newSeries(t *testing.T) *series {
	t.Helper()
	dir := storetest.TempDir(t)
	store, err := dirstore.Open(dir, dirstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	w := &watched{Store: store, dir: dir}
	return &series{t, index.Series{
		Store: w, Prefix: "p/q", Namespace: "payments", Name: "orders", Log: slog.New(slog.NewTextHandler(&log, nil)),
	}, w, &log}
}

func (s *series) entry(run string, state manifest.State, at time.Time) *index.Entry {
	return &index.Entry{
		Format: index.Format, Run: run, Pod: "dump-" + run, Namespace: s.Namespace, Series: s.Name, State: state,
		Started: at.Add(-time.Hour), Written: at, Files: 3, Bytes: 1 << 20, Profile: "CredentialProfile backups",
		Manifest: "p/q/payments/dump/.lighterman/" + run + "/manifest.json", ManifestSHA256: strings.Repeat("0a", 32),
		Uploader: "v1",
	}
}

func (s *series) put(run string, state manifest.State, at time.Time) (key string) {
	s.Helper()
	key, err := s.Put(s.Context(), s.entry(run, state, at), at, objstore.Object{Overwrite: true})
	if err != nil {
		s.Fatal(err)
	}
	return key
}

func (s *series) newest(state manifest.State, except string) string {
	s.Helper()
	e, err := s.Newest(s.Context(), state, except)
	if err != nil {
		s.Fatal(err)
	}
	return e.Run
}

func TestNewest(t *testing.T) {
	s := newSeries(t)
	now := time.Now().UTC().Truncate(time.Second)
	s.put("b", manifest.Complete, now.Add(-time.Hour))
	s.put("a", manifest.Complete, now.Add(-2*time.Hour))
	s.put("c", manifest.Complete, now.Add(-900*24*time.Hour))
	s.put("d", manifest.Drained, now)
	other := s.Series
	for _, change := range []func(*index.Series){
		func(o *index.Series) { o.Name = "orders.2" }, func(o *index.Series) { o.Namespace = "payments-2" },
		func(o *index.Series) { o.Prefix = "p" },
	} {
		o := other
		change(&o)
		e := s.entry("other", manifest.Complete, now)
		e.Namespace, e.Series = o.Namespace, o.Name
		if _, err := o.Put(t.Context(), e, now, objstore.Object{}); err != nil {
			t.Fatal(err)
		}
	}
	s.store.lists, s.store.gets = 0, 0
	got, err := s.Newest(t.Context(), manifest.Complete, "x")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.entry("b", manifest.Complete, now.Add(-time.Hour)), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if s.store.lists != 1 || s.store.gets != 1 {
		t.Errorf("%d listings and %d reads, want one of each", s.store.lists, s.store.gets)
	}
	if run := s.newest(manifest.Drained, ""); run != "d" {
		t.Errorf("the newest drained run is %s", run)
	}
	if run := s.newest(manifest.Complete, "b"); run != "a" {
		t.Errorf("the newest but for b is %s", run)
	}
	if _, err := s.Newest(t.Context(), manifest.Drained, "d"); !errors.Is(err, index.ErrNone) {
		t.Errorf("a run of its own: %v", err)
	}
	if text := s.log.String(); text != "" {
		t.Errorf("logged %s", text)
	}
}

// TestNoneIsWhatTheStoreSays tells a series without a run from a store that cannot be read.
func TestNoneIsWhatTheStoreSays(t *testing.T) {
	s := newSeries(t)
	if _, err := s.Newest(t.Context(), manifest.Complete, ""); !errors.Is(err, index.ErrNone) {
		t.Errorf("an empty store: %v", err)
	}
	for _, class := range []objstore.Class{objstore.Denied, objstore.NotFound, objstore.NoBucket, objstore.Transient} {
		s.store.listErr = &objstore.Error{Class: class, Err: errors.New("no")}
		_, err := s.Newest(t.Context(), manifest.Complete, "")
		if errors.Is(err, index.ErrNone) || objstore.ClassOf(err) != class {
			t.Errorf("%s: got %v", class, err)
		}
	}
}

// TestEntryFromTheFuture has an entry of a node, or of a forger, whose clock is ahead of the store's: it would be the newest for ever.
func TestEntryFromTheFuture(t *testing.T) {
	s := newSeries(t)
	now := time.Now().UTC().Truncate(time.Second)
	s.put("good", manifest.Complete, now.Add(-time.Hour))
	key := s.put("ahead", manifest.Complete, now.Add(time.Hour))
	if run := s.newest(manifest.Complete, ""); run != "good" {
		t.Errorf("the newest run is %s", run)
	}
	if text := s.log.String(); strings.Count(text, key) != 1 || !strings.Contains(text, "claims to be of") {
		t.Errorf("logged %s", text)
	}
	// It is not believed later either.
	long := now.Add(-30 * 24 * time.Hour)
	if err := os.Chtimes(filepath.Join(s.store.dir, key), long, long); err != nil {
		t.Fatal(err)
	}
	if run := s.newest(manifest.Complete, ""); run != "good" {
		t.Errorf("later, the newest run is %s", run)
	}
	// A clock that is a little ahead is none of that.
	s.put("slightly", manifest.Complete, now.Add(2*time.Minute))
	if run := s.newest(manifest.Complete, ""); run != "slightly" {
		t.Errorf("the newest run is %s", run)
	}
}

func (s *series) write(key, text string) {
	s.Helper()
	_, err := s.store.Put(s.Context(), &objstore.Object{Key: key, Overwrite: true},
		objstore.Body{ReaderAt: strings.NewReader(text), Size: int64(len(text))})
	if err != nil {
		s.Fatal(err)
	}
}

func TestWhatIsNoEntry(t *testing.T) {
	s := newSeries(t)
	folder := "p/q/.lighterman/runs/payments/orders/complete/"
	key := s.put("a", manifest.Complete, time.Now())
	for _, name := range []string{"0000000000", "1-a.json", "0000000001-.json", "000000000a-b.json", "0000000000-a/b.json"} {
		s.write(folder+name, "{}")
	}
	if run := s.newest(manifest.Complete, ""); run != "a" {
		t.Errorf("the newest run is %s", run)
	}
	if n := strings.Count(s.log.String(), "no key of an entry"); n != 5 {
		t.Errorf("%d warnings: %s", n, s.log)
	}
	elsewhere := s.entry("a", manifest.Complete, time.Now())
	elsewhere.Series = "others"
	text, err := elsewhere.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		string(text):                        "its key is not",
		"":                                  "EOF",
		strings.Repeat(" ", 4<<10) + "{}":   "more than 4096 bytes",
		`{"format":2}`:                      "its format is 2",
		`{"format":1,"format":1}`:           "duplicate",
		`{"format":1,"state":"open"}`:       `its state is "open"`,
		`{"format":1,"state":"complete"}`:   "does not name its run",
		`{"format":1,"state":"complete"} {`: "after top-level value",
	} {
		s.write(key, text)
		if e, err := s.Newest(t.Context(), manifest.Complete, ""); err == nil || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), key) || errors.Is(err, index.ErrNone) {
			t.Errorf("%.40q: got %+v, %v, want %q", text, e, err, want)
		}
	}
}

// TestPutAgain repeats a request whose answer was lost, and one that would replace an entry.
func TestPutAgain(t *testing.T) {
	s := newSeries(t)
	at := time.Unix(1_790_000_000, 0)
	until := at.Add(time.Hour)
	for range 2 {
		key, err := s.Put(t.Context(), s.entry("6f1c", manifest.Complete, at), at,
			objstore.Object{Retention: &objstore.Retention{Until: until}, Overwrite: true})
		if want := "p/q/.lighterman/runs/payments/orders/complete/8209999999-6f1c.json"; err != nil || key != want {
			t.Fatalf("got %s, %v, want %s", key, err, want)
		}
		if o := s.store.last; o.Overwrite || o.Retention == nil || o.Retention.Until != until || o.ContentType != "application/json" {
			t.Errorf("written as %+v", o)
		}
	}
	other := s.entry("6f1c", manifest.Complete, at)
	other.Files++
	for n := range 4 {
		if _, err := s.Put(t.Context(), other, at, objstore.Object{}); err != nil {
			t.Fatal(err)
		}
		if e, err := s.Newest(t.Context(), manifest.Complete, ""); err != nil || e.Files != int64(4+n) {
			t.Errorf("got %+v, %v", e, err)
		}
		other.Files++
	}
	if key, err := s.Put(t.Context(), other, at, objstore.Object{}); objstore.ClassOf(err) != objstore.Exists {
		t.Errorf("too many entries of a second: %s, %v", key, err)
	}
}

func TestPutRefuses(t *testing.T) {
	s := newSeries(t)
	now := time.Now()
	for name, test := range map[string]struct {
		change func(*series, *index.Entry)
		at     time.Time
		want   string
	}{
		"an open run":           {func(_ *series, e *index.Entry) { e.State = manifest.Open }, now, "only complete and drained"},
		"a long entry":          {func(_ *series, e *index.Entry) { e.Profile = strings.Repeat("x", 4<<10) }, now, "4096 is the most"},
		"a long prefix":         {func(s *series, _ *index.Entry) { s.Prefix = strings.Repeat("x", 1000) }, now, "shorten the prefix"},
		"a time without key":    {func(*series, *index.Entry) {}, time.Unix(1e10, 0), "has no key"},
		"a manifest of no hash": {func(_ *series, e *index.Entry) { e.ManifestSHA256 = "0a" }, now, "no SHA-256"},
	} {
		changed, e := *s, s.entry("a", manifest.Complete, now)
		test.change(&changed, e)
		if key, err := changed.Put(t.Context(), e, test.at, objstore.Object{}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %s, %v, want %q", name, key, err, test.want)
		}
	}
}

func TestRemove(t *testing.T) {
	s := newSeries(t)
	now := time.Now()
	s.put("a", manifest.Complete, now.Add(-time.Hour))
	s.put("b", manifest.Complete, now.Add(-time.Minute))
	s.put("b", manifest.Complete, now)
	s.put("b", manifest.Drained, now)
	if err := s.Remove(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	if run := s.newest(manifest.Complete, ""); run != "a" {
		t.Errorf("the newest run is %s", run)
	}
	if _, err := s.Newest(t.Context(), manifest.Drained, ""); !errors.Is(err, index.ErrNone) {
		t.Errorf("got %v", err)
	}
	s.store.listErr = &objstore.Error{Class: objstore.Denied, Err: errors.New("no")}
	if err := s.Remove(t.Context(), "a"); objstore.ClassOf(err) != objstore.Denied {
		t.Errorf("got %v", err)
	}
}

func TestPrefix(t *testing.T) {
	for configured, want := range map[string]string{
		"": "", "a/b": "a/b", "{pod}": "", "a/{pod}": "a", "a/b-{pod}/c": "a", "a/b/{pod}/{pod}": "a/b", "b-{pod}": "",
	} {
		if got := index.Prefix(configured); got != want {
			t.Errorf("%q: got %q, want %q", configured, got, want)
		}
	}
}
