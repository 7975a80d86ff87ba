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

func (s *suite) limits() {
	l := s.store.Limits()
	if l.MinPart < 1 || l.MaxPart < l.MinPart || l.MaxParts < 1 || l.MaxPut < l.MinPart || l.Algorithm == "" {
		s.Errorf("%+v", l)
	}
}

func (s *suite) object() {
	o := s.new("object")
	o.Metadata = map[string]string{"run": "6f1c-x", "lighterman": "a b=c"}
	data := random(70_000)
	stored := s.put(o, data)
	if stored.Key != o.Key || stored.Size != int64(len(data)) {
		s.Errorf("got %+v", stored)
	}
	described := s.whole(o.Key, data)
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
	s.absent(o.Key)
}

func (s *suite) missing() {
	o := s.new("missing")
	s.absent(o.Key)
	if err := s.store.Delete(s.Context(), o.Key, ""); err != nil {
		s.Errorf("delete what is not there: %v", err)
	}
}

func (s *suite) empty() {
	o := s.new("empty")
	s.put(o, nil)
	s.whole(o.Key, nil)
}

func (s *suite) corruptPut() {
	o := s.new("corrupt")
	body := s.body([]byte("what is sent"))
	body.Sum = s.sum([]byte("what was read"))
	_, err := s.store.Put(s.Context(), o, body)
	s.want("put with a wrong checksum", err, objstore.Corrupt)
	s.absent(o.Key)
	s.put(o, []byte("what is right"))
	s.whole(o.Key, []byte("what is right"))
}

func (s *suite) conditional() {
	o := s.new("conditional")
	s.put(o, []byte("first"))
	_, err := s.store.Put(s.Context(), o, s.body([]byte("second")))
	s.want("put what exists", err, objstore.Exists)
	s.whole(o.Key, []byte("first"))
}

func (s *suite) overwrite() {
	o := s.new("overwrite")
	s.put(o, []byte("first"))
	o.Overwrite = true
	s.put(o, []byte("the second"))
	s.whole(o.Key, []byte("the second"))
}

func (s *suite) race() {
	o := s.new("race")
	const writers = 8
	var wins sync.Map
	var wait sync.WaitGroup
	for i := range writers {
		wait.Go(func() {
			data := bytes.Repeat([]byte(strconv.Itoa(i)), 1000+i)
			switch _, err := s.store.Put(s.Context(), o, s.body(data)); {
			case err == nil:
				wins.Store(i, data)
			// Of two at the same time, a store may ask one to come back.
			case objstore.ClassOf(err) != objstore.Exists && objstore.ClassOf(err) != objstore.Throttled && objstore.ClassOf(err) != objstore.Transient:
				s.Errorf("writer %d: %v", i, err)
			}
		})
	}
	wait.Wait()
	won := 0
	wins.Range(func(_, data any) bool {
		won++
		s.whole(o.Key, data.([]byte))
		return true
	})
	if won != 1 {
		s.Errorf("%d writers were told that the object is theirs", won)
	}
}

// names are the ends of keys that the core makes of file names.
var names = []string{
	"with space", "plus+plus", "percent%25", "question?hash#", "amp&eq=semi;", "quote'double\"", "comma,dollar$at@",
	"angle<>brackets[]{}", "ünïcödé/日本語/emoji-😀", "..dots", ".hidden", "colon:tilde~caret^", "bar|grave`star*",
	"deep/er/and/deep/er", strings.Repeat("n", 200),
}

func (s *suite) keys() {
	for _, name := range names {
		o := s.new(name)
		data := []byte("the object " + name)
		_, err := s.store.Put(s.Context(), o, s.body(data))
		if slices.Contains(s.o.NotKeys, name) {
			s.want("put "+name, err, objstore.Invalid)
			continue
		}
		if err != nil {
			s.Errorf("put %q: %v", name, err)
			continue
		}
		s.whole(o.Key, data)
	}
	longest := s.new(strings.Repeat("d/", (uploader.MaxKey-len(s.prefix)-20)/2) + "end")
	s.put(longest, []byte("longest"))
	s.whole(longest.Key, []byte("longest"))
}

func (s *suite) cancelled() {
	o := s.new("cancelled")
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	if _, err := s.store.Put(ctx, o, s.body([]byte("x"))); err == nil {
		s.Error("a request without a context's leave succeeded")
	}
	s.absent(o.Key)
	body := s.body(random(100_000))
	body.ReaderAt = fault{bytes.NewReader([]byte("x"))}
	if _, err := s.store.Put(s.Context(), o, body); err == nil {
		s.Error("a body that cannot be read was stored")
	}
	s.absent(o.Key)
}
