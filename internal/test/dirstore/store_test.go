package dirstore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lighterman.dev/lighterman/internal/test/dirstore"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/storetest"
)

func open(t *testing.T, o dirstore.Options) (*dirstore.Store, string) {
	t.Helper()
	path := storetest.TempDir(t)
	store, err := dirstore.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store, path
}

func TestStore(t *testing.T) {
	for name, limits := range map[string]*objstore.Limits{
		"parts of any size": nil,
		"parts of some size": {
			MinPart: 5 << 10, MaxPart: 1 << 20, MaxParts: 20, MaxPut: 1 << 20, Algorithm: objstore.CRC64NVME,
		},
		"parts one by one": {
			MinPart: 4 << 10, MaxPart: 1 << 20, MaxParts: 20, MaxPut: 1 << 20, Algorithm: objstore.CRC32C, Sequential: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			store, path := open(t, dirstore.Options{Limits: limits})
			storetest.Run(t, store, storetest.Options{Prefix: "tests"})
			left, err := os.ReadDir(filepath.Join(path, ".lighterman-uploads"))
			if err != nil || len(left) > 0 {
				t.Errorf("%d uploads stay behind, %v", len(left), err)
			}
		})
	}
}

func TestOpenWithoutDirectory(t *testing.T) {
	_, err := dirstore.Open(filepath.Join(t.TempDir(), "none"), dirstore.Options{})
	if objstore.ClassOf(err) != objstore.NoBucket {
		t.Errorf("got %v", err)
	}
}

func TestKeysThatAreNoPaths(t *testing.T) {
	store, path := open(t, dirstore.Options{})
	for _, key := range []string{"", ".", "..", "../x", "/x", "a/../../x", "a//b", "a/", "./a", ".lighterman-uploads/x"} {
		_, err := store.Put(t.Context(), &objstore.Object{Key: key}, objstore.Body{})
		if objstore.ClassOf(err) != objstore.Invalid {
			t.Errorf("%q: got %v", key, err)
		}
	}
	if _, err := store.Put(t.Context(), &objstore.Object{Key: "file"}, objstore.Body{}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(t.Context(), &objstore.Object{Key: "file/below"}, objstore.Body{}); objstore.ClassOf(err) != objstore.Invalid {
		t.Errorf("an object in the place of a directory: got %v", err)
	}
	if err := os.Symlink(t.TempDir(), filepath.Join(path, "out")); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(t.Context(), &objstore.Object{Key: "out/x"}, objstore.Body{}); err == nil {
		t.Error("the store writes through a link that leads out of it")
	}
}

func TestLimitsAreEnforced(t *testing.T) {
	limits := &objstore.Limits{MinPart: 10, MaxPart: 20, MaxParts: 3, MaxPut: 15, Algorithm: objstore.CRC32C}
	store, _ := open(t, dirstore.Options{Limits: limits})
	o := &objstore.Object{Key: "a"}
	body := func(n int64) objstore.Body {
		return objstore.Body{ReaderAt: strings.NewReader(strings.Repeat("x", 100)), Size: n}
	}
	if _, err := store.Put(t.Context(), o, body(16)); objstore.ClassOf(err) != objstore.Invalid {
		t.Errorf("put: got %v", err)
	}
	id, err := store.Begin(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for number, size := range map[int]int64{0: 10, 4: 10, 1: 21} {
		if _, err := store.PutPart(t.Context(), o, id, number, body(size)); objstore.ClassOf(err) != objstore.Invalid {
			t.Errorf("part %d of %d: got %v", number, size, err)
		}
	}
	small, err := store.PutPart(t.Context(), o, id, 1, body(5))
	if err != nil {
		t.Fatal(err)
	}
	last, err := store.PutPart(t.Context(), o, id, 2, body(5))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Complete(t.Context(), o, id, []objstore.Part{small, last}); objstore.ClassOf(err) != objstore.Invalid {
		t.Errorf("a small part before the last: got %v", err)
	}
}
