package manifest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lighterman.dev/lighterman/internal/test/dirstore"
	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/storetest"
)

func newStore(t *testing.T) *dirstore.Store {
	t.Helper()
	store, err := dirstore.Open(storetest.TempDir(t), dirstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func put(t *testing.T, store objstore.Store, key, text string) manifest.File {
	t.Helper()
	stored, err := store.Put(t.Context(), &objstore.Object{Key: key, Overwrite: true},
		objstore.Body{ReaderAt: strings.NewReader(text), Size: int64(len(text))})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(text))
	return manifest.File{Path: key, Key: key, Size: stored.Size, SHA256: hex.EncodeToString(sum[:]), Checksum: stored.Sum}
}

func TestManifestIsWrittenAndRead(t *testing.T) {
	store := newStore(t)
	m := &manifest.Manifest{
		Format: manifest.Format, Key: "p/.lighterman/1/manifest.json", Pod: uploader.Pod{Namespace: "n", Name: "p", UID: "1"},
		Profile: "CredentialProfile b", Uploader: "v1", Started: time.Unix(1, 0).UTC(), Written: time.Unix(2, 0).UTC(),
		Files: []manifest.File{put(t, store, "a", "text")}, Skipped: []manifest.Skipped{{Path: "l", Reason: "a link"}},
	}
	for range 2 { // The second time it takes the place of the first.
		m.Final = !m.Final
		if err := m.Put(t.Context(), store, objstore.Object{}); err != nil {
			t.Fatal(err)
		}
		got, err := manifest.Load(t.Context(), store, m.Key)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	if _, err := manifest.Load(t.Context(), store, "none"); objstore.ClassOf(err) != objstore.NotFound {
		t.Errorf("got %v", err)
	}
}

// TestFormat compares the text byte for byte: manifests are read for years.
func TestFormat(t *testing.T) {
	m := &manifest.Manifest{
		Format: manifest.Format, Key: "p/.lighterman/1/manifest.json", Pod: uploader.Pod{Namespace: "n", Name: "p", UID: "1"},
		Profile: "CredentialProfile b", Uploader: "v1", Started: time.Unix(1, 0).UTC(), Written: time.Unix(2, 5).UTC(),
		Final: true, Skipped: []manifest.Skipped{{Path: "l", Reason: "not a regular file"}},
		Files: []manifest.File{
			{
				Path: "a", Key: "p/a", Size: 3, SHA256: "00", Checksum: objstore.Sum{Algorithm: objstore.CRC32C, Value: "AAAA"},
				Version: "v", Modified: time.Unix(3, 0).UTC(), Stored: time.Unix(4, 0).UTC(),
			},
			{Path: "<b>", Key: "p/<b>"},
		},
	}
	got, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	read, err := manifest.Decode(bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, read); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "EOF",
		"{":                    "EOF",
		"[]":                   "cannot unmarshal",
		`{"format":2}`:         "its format is 2",
		`{"format":1} {"a":1}`: "something follows",
	} {
		if m, err := manifest.Decode(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %+v, %v, want %q", text, m, err, want)
		}
	}
}

func TestVerify(t *testing.T) {
	store := newStore(t)
	good := put(t, store, "good", "as it was stored")
	replaced := func(key, by string) manifest.File {
		f := put(t, store, key, "one")
		put(t, store, key, by)
		return f
	}
	otherVersion := good
	otherVersion.Version = "v1"
	for name, test := range map[string]struct {
		file manifest.File
		want objstore.Class
		text string
	}{
		"as it was":                              {good, "", ""},
		"another content":                        {replaced("a", "two"), objstore.Corrupt, "CRC64NVME"},
		"another size":                           {replaced("b", "three"), objstore.Corrupt, "5 bytes, and 3"},
		"gone":                                   {manifest.File{Key: "gone"}, objstore.NotFound, "gone"},
		"a version that the store does not have": {otherVersion, objstore.NotFound, "v1"},
	} {
		for _, content := range []bool{false, true} {
			err := manifest.Verify(t.Context(), store, &test.file, content)
			if test.want == "" && err == nil {
				continue
			}
			if err == nil || objstore.ClassOf(err) != test.want || !strings.Contains(err.Error(), test.text) {
				t.Errorf("%s: got %v, want %s with %q", name, err, test.want, test.text)
			}
		}
	}
	// What only reading it back shows.
	wrong := good
	wrong.Checksum, wrong.SHA256 = objstore.Sum{}, strings.Repeat("0", 64)
	if err := manifest.Verify(t.Context(), store, &wrong, false); err != nil {
		t.Errorf("without reading: %v", err)
	}
	err := manifest.Verify(t.Context(), store, &wrong, true)
	if objstore.ClassOf(err) != objstore.Corrupt || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("read back: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"format":1,"files":[{"path":"a","size":1}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := manifest.Decode(bytes.NewReader(text))
		if err != nil {
			return
		}
		if _, err := m.Encode(); err != nil {
			t.Error(err)
		}
	})
}
