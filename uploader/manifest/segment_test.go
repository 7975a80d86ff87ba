package manifest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lighterman.dev/lighterman/internal/test/dirstore"
	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/storetest"
)

const (
	reserved = "p/.lighterman/1/"
	key      = reserved + "manifest.json"
)

// listed returns a file of a size that only the manifest knows.
func listed(path string, size int64) manifest.File {
	return manifest.File{Path: path, Key: "p/" + path, Size: size, SHA256: "00"}
}

// putSegment stores a segment.
func putSegment(t *testing.T, store objstore.Store, name string, files ...manifest.Listed) manifest.Segment {
	t.Helper()
	var b bytes.Buffer
	w := manifest.NewSegmentWriter(&b)
	for i := range files {
		if err := w.Add(&files[i]); err != nil {
			t.Fatal(err)
		}
	}
	s, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	s.Key = reserved + name
	put(t, store, s.Key, b.String())
	return s
}

func newManifest(totals manifest.Totals, segments []manifest.Segment, files ...manifest.File) *manifest.Manifest {
	return &manifest.Manifest{
		Format: manifest.Format, Key: key, State: manifest.Complete, Pod: uploader.Pod{Namespace: "n", Name: "p", UID: "1"},
		Totals: totals, Segments: segments, Files: files,
	}
}

// read writes a manifest and returns the sizes of the files that it lists, in their order.
func read(t *testing.T, store objstore.Store, m *manifest.Manifest) (sizes []string, err error) {
	t.Helper()
	if _, err := m.Put(t.Context(), store, objstore.Object{}); err != nil {
		t.Fatal(err)
	}
	loaded, err := manifest.Load(t.Context(), store, m.Key)
	if err != nil {
		return nil, err
	}
	for f, err := range loaded.All(t.Context(), store) {
		if err != nil {
			return sizes, err
		}
		sizes = append(sizes, fmt.Sprint(f.Path, "=", f.Size))
	}
	return sizes, nil
}

// TestNewestContentCounts: files win over segments, and a later segment over an earlier one.
func TestNewestContentCounts(t *testing.T) {
	store := newStore(t)
	first := putSegment(t, store, "1", manifest.Listed{File: listed("a", 1)}, manifest.Listed{File: listed("b", 1)}, manifest.Listed{File: listed("c", 1)})
	second := putSegment(t, store, "2", manifest.Listed{File: listed("d", 2)}, manifest.Listed{File: listed("b", 2), Replaces: true})
	third := putSegment(t, store, "3", manifest.Listed{File: listed("e", 3), Replaces: true}, manifest.Listed{File: listed("b", 3), Replaces: true})
	got, err := read(t, store, newManifest(manifest.Totals{Files: 6, Bytes: 1 + 2 + 3 + 3 + 4 + 4},
		[]manifest.Segment{first, second, third}, listed("c", 4), listed("f", 4)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a=1", "d=2", "e=3", "b=3", "c=4", "f=4"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// A reader may stop.
	m, err := manifest.Load(t.Context(), store, key)
	if err != nil {
		t.Fatal(err)
	}
	for f, err := range m.All(t.Context(), store) {
		if err != nil || f.Path != "a" {
			t.Errorf("got %s, %v", f.Path, err)
		}
		break
	}
}

// TestManifestsThatAreRefused: what a manifest says is not believed where it leads out of the run, or does not agree with itself.
func TestManifestsThatAreRefused(t *testing.T) {
	store := newStore(t)
	good := putSegment(t, store, "good", manifest.Listed{File: listed("a", 1)})
	one := manifest.Totals{Files: 1, Bytes: 1}
	raw := func(name string, compress bool, text string, entries int) manifest.Segment {
		if compress {
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			_, _ = w.Write([]byte(text)) // It is memory.
			_ = w.Close()
			text = b.String()
		}
		put(t, store, reserved+name, text)
		sum := sha256.Sum256([]byte(text))
		return manifest.Segment{Key: reserved + name, SHA256: hex.EncodeToString(sum[:]), Entries: entries, Bytes: 1}
	}
	line := `{"path":"a","key":"p/a","size":1}` + "\n"
	moved := newManifest(one, nil, listed("a", 1))
	moved.Key = "p/.lighterman/2/manifest.json"
	segment := func(change func(*manifest.Segment)) []manifest.Segment {
		s := good
		change(&s)
		return []manifest.Segment{s}
	}
	file := func(path, key string) *manifest.Manifest {
		return newManifest(one, nil, manifest.File{Path: path, Key: key, Size: 1})
	}
	for name, test := range map[string]struct {
		m    *manifest.Manifest
		want string
	}{
		"a file of another pod":            {file("a", "q/a"), "not below"},
		"a file above":                     {file("a", "p"), "not below"},
		"a path that leaves the directory": {file("../a", "p/a"), "no file has"},
		"an absolute path":                 {file("/a", "p/a"), "no file has"},
		"a path with a control character":  {file("a\nb", "p/a"), "no file has"},
		"a key with a control character":   {file("a", "p/a\x1b[2J"), "not below"},
		"a file of a negative size":        {newManifest(one, nil, listed("a", -1)), "-1 bytes"},
		"a segment elsewhere":              {newManifest(one, segment(func(s *manifest.Segment) { s.Key = "p/a" })), "not below"},
		"itself as a segment":              {newManifest(one, segment(func(s *manifest.Segment) { s.Key = key })), "not below"},
		"a segment that is missing":        {newManifest(one, segment(func(s *manifest.Segment) { s.Key = reserved + "none" })), "none"},
		"a segment of another content":     {newManifest(one, segment(func(s *manifest.Segment) { s.SHA256 = "00" })), "SHA-256"},
		"a segment of fewer files":         {newManifest(one, segment(func(s *manifest.Segment) { s.Entries = 0 })), "more than the 0 files"},
		"a segment of more files":          {newManifest(one, segment(func(s *manifest.Segment) { s.Entries = 2 })), "counts 2"},
		"a segment of too many files":      {newManifest(one, segment(func(s *manifest.Segment) { s.Entries = 1 << 40 })), "has 1099511627776 files"},
		"a segment of another size":        {newManifest(one, segment(func(s *manifest.Segment) { s.Bytes = 2 })), "with 2"},
		"totals that are too small":        {newManifest(manifest.Totals{}, []manifest.Segment{good}), "counts 0"},
		"totals that are too large":        {newManifest(manifest.Totals{Files: 2, Bytes: 1}, []manifest.Segment{good}), "counts 2"},
		"a segment without an end":         {newManifest(one, []manifest.Segment{raw("torn", true, line, 1)}), "lists 1 files"},
		"a segment with a wrong end":       {newManifest(one, []manifest.Segment{raw("end", true, line+`{"end":2}`, 1)}), "lists 1 files"},
		"a segment that goes on":           {newManifest(one, []manifest.Segment{raw("on", true, line+`{"end":1}`+"\n"+line, 1)}), "follows its end"},
		"a segment that is no gzip":        {newManifest(one, []manifest.Segment{raw("plain", false, line, 1)}), "gzip"},
		"a segment that is no JSON":        {newManifest(one, []manifest.Segment{raw("json", true, "<html>\n", 1)}), "invalid character"},
		"a line that is too long":          {newManifest(one, []manifest.Segment{raw("long", true, `{"path":"`+strings.Repeat("a", 1<<20)+`"}`, 1)}), "too long"},
		"a segment with a key elsewhere": {
			newManifest(one, []manifest.Segment{raw("elsewhere", true, `{"path":"a","key":"q/a","size":1}`+"\n"+`{"end":1}`, 1)}), "not below",
		},
		"too many files of its own": {newManifest(one, nil, make([]manifest.File, manifest.MaxFiles+1)...), "1000 is the most"},
	} {
		if got, err := read(t, store, test.m); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	text, err := moved.Encode()
	if err != nil {
		t.Fatal(err)
	}
	put(t, store, key, string(text))
	if _, err := manifest.Load(t.Context(), store, key); err == nil || !strings.Contains(err.Error(), "read it there") {
		t.Errorf("a manifest of another key: got %v", err)
	}
	put(t, store, "p/manifest.json", string(text))
	moved.Key = "p/manifest.json"
	if _, err := read(t, store, moved); err == nil || !strings.Contains(err.Error(), "no uploader writes one") {
		t.Errorf("a manifest where none is written: got %v", err)
	}
}

// endless is a store whose object never ends.
type endless struct {
	*dirstore.Store

	head, body string
}

func (e *endless) Open(context.Context, string, string) (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(strings.NewReader(e.head), &repeated{text: e.body})), nil
}

// repeated reads a text again and again.
type repeated struct {
	text string
	at   int
}

func (r *repeated) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.text[r.at]
		r.at = (r.at + 1) % len(r.text)
	}
	return len(p), nil
}

// TestEndlessManifestsAreRefused: neither a value nor the whole is read into memory without bound.
func TestEndlessManifestsAreRefused(t *testing.T) {
	for name, e := range map[string]*endless{
		"a value":           {head: `{"format":2,"profile":"`, body: "aaaaaaaa"},
		"a list":            {head: `{"format":2,"skipped":[`, body: `{"path":"a"},`},
		"many members":      {head: `{"format":2`, body: `,"a":1`},
		"a file":            {head: `{"format":2,"files":[{"path":"`, body: "aaaaaaaa"},
		"spaces":            {head: `{`, body: "        "},
		"files of format 2": {head: `{"format":2,"state":"open","files":[{}`, body: `,{"path":"a"}`},
	} {
		e.Store = newStore(t)
		if m, err := manifest.Load(t.Context(), e, key); err == nil {
			t.Errorf("%s: got %+v", name, m)
		}
	}
}

// TestFormat1OfManyFiles: the files of an earlier format are streamed, whatever their number.
func TestFormat1OfManyFiles(t *testing.T) {
	store := newStore(t)
	const files = 60_000
	var b strings.Builder
	b.WriteString(`{"format":1,"key":"` + key + `","final":true,"files":[`)
	for n := range files {
		if n > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"path":"base/%07d_fsm","key":"p/base/%07d_fsm","size":2,"sha256":"%064d"}`, n, n, n)
	}
	b.WriteString(`]}`)
	put(t, store, key, b.String())
	m, err := manifest.Load(t.Context(), store, key)
	if err != nil {
		t.Fatal(err)
	}
	if m.Totals != (manifest.Totals{Files: files, Bytes: 2 * files}) || m.State != manifest.Drained || len(m.Files) > 0 {
		t.Errorf("got %+v with %d files", m.Totals, len(m.Files))
	}
	n := 0
	for f, err := range m.All(t.Context(), store) {
		if err != nil || f.Path != fmt.Sprintf("base/%07d_fsm", n) {
			t.Fatalf("file %d is %s, %v", n, f.Path, err)
		}
		n++
	}
	if n != files {
		t.Errorf("%d files", n)
	}
}

// TestLook finds an object that is not what was written, also one that the store shows late.
func TestLook(t *testing.T) {
	store := newStore(t)
	f := put(t, store, "p/a", "text")
	if err := manifest.Look(t.Context(), store, f.Key, f.Size, f.Checksum, f.SHA256); err != nil {
		t.Error(err)
	}
	if err := manifest.Look(t.Context(), store, f.Key, f.Size, objstore.Sum{}, f.SHA256); err != nil {
		t.Errorf("without a checksum: %v", err)
	}
	if err := manifest.Look(t.Context(), store, f.Key, 9, f.Checksum, f.SHA256); objstore.ClassOf(err) != objstore.Corrupt {
		t.Errorf("another size: %v", err)
	}
	if err := manifest.Look(t.Context(), store, f.Key, f.Size, objstore.Sum{}, "00"); objstore.ClassOf(err) != objstore.Corrupt {
		t.Errorf("another content: %v", err)
	}
	late := &lateStore{Store: store, after: 2}
	if err := manifest.Look(t.Context(), late, f.Key, f.Size, f.Checksum, f.SHA256); err != nil {
		t.Errorf("an object that shows late: %v", err)
	}
}

// lateStore does not show an object at first.
type lateStore struct {
	*dirstore.Store

	after int
}

func (l *lateStore) Stat(ctx context.Context, key string) (objstore.Stored, error) {
	if l.after--; l.after >= 0 {
		return objstore.Stored{}, &objstore.Error{Class: objstore.NotFound, Err: fmt.Errorf("%s is not there yet", key)}
	}
	return l.Store.Stat(ctx, key)
}

func FuzzSegment(f *testing.F) {
	f.Add([]byte(`{"path":"a","key":"p/a","size":0}`+"\n"+`{"end":1}`), 1)
	f.Fuzz(func(t *testing.T, text []byte, entries int) {
		store, err := dirstore.Open(storetest.TempDir(t), dirstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write(text) // It is memory.
		_ = w.Close()
		put(t, store, reserved+"s", b.String())
		sum := sha256.Sum256(b.Bytes())
		s := manifest.Segment{Key: reserved + "s", SHA256: hex.EncodeToString(sum[:]), Entries: entries}
		seen := 0
		err = manifest.ReadSegment(t.Context(), store, &s, func(*manifest.Listed) bool { seen++; return true })
		if err == nil && seen != entries {
			t.Errorf("%d files were seen of %d, and no error is returned", seen, entries)
		}
	})
}
