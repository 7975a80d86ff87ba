package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	mathrand "math/rand/v2"
	"path"
	"slices"
	"testing"

	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/objstore"
)

// Options are the differences of a store from the contract.
type Options struct {
	// Prefix is where the test may write; it uses a prefix of its own below.
	Prefix string
	// NoList: the store cannot list unfinished uploads.
	NoList bool
	// NoMetadata: the store keeps no metadata.
	NoMetadata bool
	// NotKeys are keys that the store refuses with an error of class Invalid, by the end of their names.
	NotKeys []string
}

// Run checks a store against the contract. It leaves no object behind.
func Run(t *testing.T, store objstore.Store, o Options) {
	t.Helper()
	for name, test := range map[string]func(*suite){
		"limits make sense":                            (*suite).testLimits,
		"an object is put, described, read, deleted":   (*suite).testObject,
		"what is not there is not found":               (*suite).testMissing,
		"an empty object":                              (*suite).testEmptyObject,
		"a wrong checksum is refused":                  (*suite).testCorruptPut,
		"an object that exists is not replaced":        (*suite).testConditionalPut,
		"an object is replaced where that is asked":    (*suite).testOverwrite,
		"one of many wins a key":                       (*suite).testRacingPuts,
		"any key":                                      (*suite).testKeys,
		"an upload is not visible before it is whole":  (*suite).testUpload,
		"an upload of one small part":                  (*suite).testSmallUpload,
		"a wrong checksum of a part is refused":        (*suite).testCorruptPart,
		"a part that was sent again is the one":        (*suite).testReplacedPart,
		"parts come from several places at once":       (*suite).testParallelParts,
		"an upload with a gap is not completed":        (*suite).testGap,
		"an upload does not replace what came between": (*suite).testConditionalComplete,
		"one of two uploads wins a key":                (*suite).testRacingCompletes,
		"an answer to Complete that was lost":          (*suite).testCompleteTwice,
		"an upload is aborted":                         (*suite).testAbort,
		"what is unfinished is listed":                 (*suite).testUnfinished,
		"a request that is given up leaves nothing":    (*suite).testCancelled,
	} {
		t.Run(name, func(t *testing.T) {
			s := &suite{T: t, store: store, o: o, prefix: path.Join(o.Prefix, "storetest", rand.Text())}
			t.Cleanup(s.deleteUsed)
			test(s)
		})
	}
}

// suite is one test of a store, with the keys that it has used.
type suite struct {
	*testing.T

	store  objstore.Store
	o      Options
	prefix string
	used   []string
}

// deleteUsed removes what a test has written.
func (s *suite) deleteUsed() {
	ctx := context.WithoutCancel(s.Context())
	for _, key := range s.used {
		for {
			stored, err := s.store.Stat(ctx, key)
			if err != nil || s.store.Delete(ctx, key, stored.Version) != nil {
				break
			}
		}
	}
}

// newObject returns an object of the test's own.
func (s *suite) newObject(name string) *objstore.Object {
	key := s.prefix + "/" + name
	s.used = append(s.used, key)
	return &objstore.Object{Key: key, ContentType: "application/octet-stream"}
}

// randomBytes returns n bytes that differ from those of every other call.
func randomBytes(n int64) []byte {
	data := make([]byte, n)
	source := mathrand.NewChaCha8([32]byte([]byte(rand.Text() + rand.Text())[:32]))
	source.Read(data)
	return data
}

// newBody returns data with its checksum.
func (s *suite) newBody(data []byte) objstore.Body {
	return objstore.Body{ReaderAt: bytes.NewReader(data), Size: int64(len(data)), Sum: s.sumOf(data)}
}

func (s *suite) sumOf(data []byte) objstore.Sum { return checksum.Of(s.store.Limits().Algorithm, data) }

func (s *suite) mustPut(o *objstore.Object, data []byte) objstore.Stored {
	s.Helper()
	stored, err := s.store.Put(s.Context(), o, s.newBody(data))
	if err != nil {
		s.Fatalf("put %s: %v", o.Key, err)
	}
	return stored
}

func (s *suite) mustBegin(o *objstore.Object) string {
	s.Helper()
	id, err := s.store.Begin(s.Context(), o)
	if err != nil || id == "" {
		s.Fatalf("begin %s: got %q, %v", o.Key, id, err)
	}
	return id
}

func (s *suite) mustPutPart(o *objstore.Object, id string, number int, data []byte) objstore.Part {
	s.Helper()
	part, err := s.store.PutPart(s.Context(), o, id, number, s.newBody(data))
	if err != nil {
		s.Fatalf("put part %d: %v", number, err)
	}
	if part.Number != number || part.Size != int64(len(data)) || part.Sum != s.sumOf(data) {
		s.Errorf("part %d of %d bytes and %v is confirmed as %+v", number, len(data), s.sumOf(data), part)
	}
	return part
}

// checkObject checks that the store has the object with these bytes, described and read.
func (s *suite) checkObject(key string, data []byte) objstore.Stored {
	s.Helper()
	stored, err := s.store.Stat(s.Context(), key)
	if err != nil {
		s.Fatalf("stat %s: %v", key, err)
	}
	if stored.Key != key || stored.Size != int64(len(data)) {
		s.Errorf("%s has %d bytes, and is described as %+v", key, len(data), stored)
	}
	if zero := (objstore.Sum{}); stored.Sum != zero && stored.Sum.Algorithm == s.store.Limits().Algorithm &&
		stored.Sum != s.sumOf(data) {
		s.Errorf("%s has the checksum %v, and is described with %v", key, s.sumOf(data), stored.Sum)
	}
	r, err := s.store.Open(s.Context(), key, stored.Version)
	if err != nil {
		s.Fatalf("open %s: %v", key, err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, data) {
		s.Fatalf("read %s: %d bytes that are not the %d stored, %v", key, len(got), len(data), err)
	}
	return stored
}

// checkAbsent checks that nothing is visible.
func (s *suite) checkAbsent(key string) {
	s.Helper()
	if stored, err := s.store.Stat(s.Context(), key); objstore.ClassOf(err) != objstore.NotFound {
		s.Errorf("stat %s: got %+v, %v, want an error of class NotFound", key, stored, err)
	}
	if r, err := s.store.Open(s.Context(), key, ""); objstore.ClassOf(err) != objstore.NotFound {
		if err == nil {
			r.Close()
		}
		s.Errorf("open %s: got %v, want an error of class NotFound", key, err)
	}
}

// checkClass checks the class of an error.
func (s *suite) checkClass(what string, err error, classes ...objstore.Class) {
	s.Helper()
	if err == nil || !slices.Contains(classes, objstore.ClassOf(err)) {
		s.Errorf("%s: got %q: %v, want an error of %v", what, objstore.ClassOf(err), err, classes)
	}
}

// brokenReader is a body that cannot be read to its end.
type brokenReader struct{ *bytes.Reader }

var errBroken = errors.New("the disk is gone")

func (f brokenReader) ReadAt(p []byte, off int64) (int, error) {
	if off > 0 {
		return 0, errBroken
	}
	n, _ := f.Reader.ReadAt(p[:1], off)
	return n, nil
}
