package storetest

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
)

func (s *suite) testLimits() {
	l := s.store.Limits()
	if l.MinPart < 1 || l.MaxPart < l.MinPart || l.MaxParts < 1 || l.MaxPut < l.MinPart || l.Algorithm == "" {
		s.Errorf("%+v", l)
	}
}

func (s *suite) testObject() {
	o := s.newObject("object")
	o.Metadata = map[string]string{"run": "6f1c-x", "lighterman": "a b=c"}
	data := randomBytes(70_000)
	stored := s.mustPut(o, data)
	if stored.Key != o.Key || stored.Size != int64(len(data)) {
		s.Errorf("got %+v", stored)
	}
	described := s.checkObject(o.Key, data)
	if described.Version != stored.Version {
		s.Errorf("version %q was written, and %q is there", stored.Version, described.Version)
	}
	if !s.o.NoMetadata && !maps.Equal(described.Metadata, o.Metadata) {
		s.Errorf("the metadata is %v, want %v", described.Metadata, o.Metadata)
	}
	if described.Modified.IsZero() {
		s.Error("the object has no time")
	}
	if err := s.store.Delete(s.Context(), o.Key, stored.Version); err != nil {
		s.Fatal(err)
	}
	s.checkAbsent(o.Key)
}

func (s *suite) testMissing() {
	o := s.newObject("missing")
	s.checkAbsent(o.Key)
	if err := s.store.Delete(s.Context(), o.Key, ""); err != nil {
		s.Errorf("delete what is not there: %v", err)
	}
}

func (s *suite) testEmptyObject() {
	o := s.newObject("empty")
	s.mustPut(o, nil)
	s.checkObject(o.Key, nil)
}

func (s *suite) testCorruptPut() {
	o := s.newObject("corrupt")
	body := s.newBody([]byte("what is sent"))
	body.Sum = s.sumOf([]byte("what was read"))
	_, err := s.store.Put(s.Context(), o, body)
	s.checkClass("put with a wrong checksum", err, objstore.Corrupt)
	s.checkAbsent(o.Key)
	s.mustPut(o, []byte("what is right"))
	s.checkObject(o.Key, []byte("what is right"))
}

func (s *suite) testConditionalPut() {
	o := s.newObject("conditional")
	s.mustPut(o, []byte("first"))
	_, err := s.store.Put(s.Context(), o, s.newBody([]byte("second")))
	s.checkClass("put what exists", err, objstore.Exists)
	s.checkObject(o.Key, []byte("first"))
}

func (s *suite) testOverwrite() {
	o := s.newObject("overwrite")
	s.mustPut(o, []byte("first"))
	o.Overwrite = true
	s.mustPut(o, []byte("the second"))
	s.checkObject(o.Key, []byte("the second"))
}

func (s *suite) testRacingPuts() {
	o := s.newObject("race")
	const writers = 8
	var wins sync.Map
	var wait sync.WaitGroup
	for i := range writers {
		wait.Go(func() {
			data := bytes.Repeat([]byte(strconv.Itoa(i)), 1000+i)
			_, err := s.store.Put(s.Context(), o, s.newBody(data))
			switch class := objstore.ClassOf(err); {
			case err == nil:
				wins.Store(i, data)
			// Of two at the same time, a store may ask one to come back.
			case class != objstore.Exists && class != objstore.Throttled && class != objstore.Transient:
				s.Errorf("writer %d: %v", i, err)
			}
		})
	}
	wait.Wait()
	won := 0
	wins.Range(func(_, data any) bool {
		won++
		s.checkObject(o.Key, data.([]byte))
		return true
	})
	if won != 1 {
		s.Errorf("%d writers succeeded", won)
	}
}

// keyEndings are the ends of keys that the core makes of file names.
var keyEndings = []string{
	"with space", "plus+plus", "percent%25", "question?hash#", "amp&eq=semi;", "quote'double\"", "comma,dollar$at@",
	"angle<>brackets[]{}", "ünïcödé/日本語/emoji-😀", "..dots", ".hidden", "colon:tilde~caret^", "bar|grave`star*",
	"deep/er/and/deep/er", strings.Repeat("n", 200),
}

func (s *suite) testKeys() {
	for _, name := range keyEndings {
		o := s.newObject(name)
		data := []byte("the object " + name)
		_, err := s.store.Put(s.Context(), o, s.newBody(data))
		if slices.Contains(s.o.NotKeys, name) {
			s.checkClass("put "+name, err, objstore.Invalid)
			continue
		}
		if err != nil {
			s.Errorf("put %q: %v", name, err)
			continue
		}
		s.checkObject(o.Key, data)
	}
	longest := s.newObject(strings.Repeat("d/", (uploader.MaxKey-len(s.prefix)-20)/2) + "end")
	s.mustPut(longest, []byte("longest"))
	s.checkObject(longest.Key, []byte("longest"))
}

func (s *suite) testCancelled() {
	o := s.newObject("cancelled")
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	if _, err := s.store.Put(ctx, o, s.newBody([]byte("x"))); err == nil {
		s.Error("a request without a context's leave succeeded")
	}
	s.checkAbsent(o.Key)
	body := s.newBody(randomBytes(100_000))
	body.ReaderAt = brokenReader{bytes.NewReader([]byte("x"))}
	if _, err := s.store.Put(s.Context(), o, body); err == nil {
		s.Error("a body that cannot be read was stored")
	}
	s.checkAbsent(o.Key)
}
