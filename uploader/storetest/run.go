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

// Options say what a store cannot do.
type Options struct {
	// Prefix is where the test may write; it uses a part of it that nobody else has.
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
		"limits make sense":                            (*suite).limits,
		"an object is put, described, read, deleted":   (*suite).object,
		"what is not there is not found":               (*suite).missing,
		"an empty object":                              (*suite).empty,
		"a wrong checksum is refused":                  (*suite).corruptPut,
		"an object that exists is not replaced":        (*suite).conditional,
		"an object is replaced where that is asked":    (*suite).overwrite,
		"one of many wins a key":                       (*suite).race,
		"any key":                                      (*suite).keys,
		"an upload is not visible before it is whole":  (*suite).upload,
		"an upload of one small part":                  (*suite).smallUpload,
		"a wrong checksum of a part is refused":        (*suite).corruptPart,
		"a part that was sent again is the one":        (*suite).replace,
		"parts come from several places at once":       (*suite).parallel,
		"an upload with a gap is not completed":        (*suite).gap,
		"an upload does not replace what came between": (*suite).conditionalComplete,
		"one of two uploads wins a key":                (*suite).raceComplete,
		"an answer to Complete that was lost":          (*suite).completeTwice,
		"an upload is aborted":                         (*suite).abort,
		"what is unfinished is listed":                 (*suite).unfinished,
		"a request that is given up leaves nothing":    (*suite).cancelled,
	} {
		t.Run(name, func(t *testing.T) {
			s := &suite{T: t, store: store, o: o, prefix: path.Join(o.Prefix, "storetest", rand.Text())}
			t.Cleanup(s.clean)
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

// clean removes what a test has written.
func (s *suite) clean() {
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

// new gives an object of the test's own.
func (s *suite) new(name string) *objstore.Object {
	key := s.prefix + "/" + name
	s.used = append(s.used, key)
	return &objstore.Object{Key: key, ContentType: "application/octet-stream"}
}

// random gives n bytes that no other call gives.
func random(n int64) []byte {
	data := make([]byte, n)
	source := mathrand.NewChaCha8([32]byte([]byte(rand.Text() + rand.Text())[:32]))
	source.Read(data) //nolint:errcheck // It never fails.
	return data
}

// body gives data the checksum that it has.
func (s *suite) body(data []byte) objstore.Body {
	return objstore.Body{ReaderAt: bytes.NewReader(data), Size: int64(len(data)), Sum: s.sum(data)}
}

func (s *suite) sum(data []byte) objstore.Sum { return checksum.Of(s.store.Limits().Algorithm, data) }

func (s *suite) put(o *objstore.Object, data []byte) objstore.Stored {
	s.Helper()
	stored, err := s.store.Put(s.Context(), o, s.body(data))
	if err != nil {
		s.Fatalf("put %s: %v", o.Key, err)
	}
	return stored
}

func (s *suite) begin(o *objstore.Object) string {
	s.Helper()
	id, err := s.store.Begin(s.Context(), o)
	if err != nil || id == "" {
		s.Fatalf("begin %s: got %q, %v", o.Key, id, err)
	}
	return id
}

func (s *suite) part(o *objstore.Object, id string, number int, data []byte) objstore.Part {
	s.Helper()
	part, err := s.store.PutPart(s.Context(), o, id, number, s.body(data))
	if err != nil {
		s.Fatalf("put part %d: %v", number, err)
	}
	if part.Number != number || part.Size != int64(len(data)) || part.Sum != s.sum(data) {
		s.Errorf("part %d of %d bytes and %v is confirmed as %+v", number, len(data), s.sum(data), part)
	}
	return part
}

// whole checks that the object is there with these bytes, described and read.
func (s *suite) whole(key string, data []byte) objstore.Stored {
	s.Helper()
	stored, err := s.store.Stat(s.Context(), key)
	if err != nil {
		s.Fatalf("stat %s: %v", key, err)
	}
	if stored.Key != key || stored.Size != int64(len(data)) {
		s.Errorf("%s has %d bytes, and is described as %+v", key, len(data), stored)
	}
	if zero := (objstore.Sum{}); stored.Sum != zero && stored.Sum.Algorithm == s.store.Limits().Algorithm && stored.Sum != s.sum(data) {
		s.Errorf("%s has the checksum %v, and is described with %v", key, s.sum(data), stored.Sum)
	}
	r, err := s.store.Open(s.Context(), key, stored.Version)
	if err != nil {
		s.Fatalf("open %s: %v", key, err)
	}
	defer r.Close() //nolint:errcheck // It is only read.
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, data) {
		s.Fatalf("read %s: %d bytes that are not the %d stored, %v", key, len(got), len(data), err)
	}
	return stored
}

// absent checks that nothing is visible.
func (s *suite) absent(key string) {
	s.Helper()
	if stored, err := s.store.Stat(s.Context(), key); objstore.ClassOf(err) != objstore.NotFound {
		s.Errorf("stat %s: got %+v, %v, want an error of class NotFound", key, stored, err)
	}
	if r, err := s.store.Open(s.Context(), key, ""); objstore.ClassOf(err) != objstore.NotFound {
		if err == nil {
			r.Close() //nolint:errcheck // It was not read.
		}
		s.Errorf("open %s: got %v, want an error of class NotFound", key, err)
	}
}

// want checks the class of an error.
func (s *suite) want(what string, err error, classes ...objstore.Class) {
	s.Helper()
	if err == nil || !slices.Contains(classes, objstore.ClassOf(err)) {
		s.Errorf("%s: got %q: %v, want an error of %v", what, objstore.ClassOf(err), err, classes)
	}
}

// fault is a body that cannot be read to its end.
type fault struct{ *bytes.Reader }

var errFault = errors.New("the disk is gone")

func (f fault) ReadAt(p []byte, off int64) (int, error) {
	if off > 0 {
		return 0, errFault
	}
	n, _ := f.Reader.ReadAt(p[:1], off)
	return n, nil
}
