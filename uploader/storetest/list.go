package storetest

import (
	"context"
	"slices"
	"strconv"
)

// listed are the keys of a listing's test, in ascending order.
var listed = []string{"a-b", "a.b", "a/b", "a/c/d", "a0", "ä", "日本語"}

// listNames returns the names of the objects that a listing has.
func (s *suite) listNames(prefix string, limit int) (names []string) {
	s.Helper()
	for o, err := range s.store.List(s.Context(), s.prefix+"/"+prefix, limit) {
		if err != nil {
			s.Fatalf("list %s: %v", prefix, err)
		}
		if o.Size == 0 || o.Modified.IsZero() {
			s.Errorf("got %+v", o)
		}
		names = append(names, o.Key[len(s.prefix)+1:])
	}
	return names
}

func (s *suite) testList() {
	var want []string
	for _, name := range slices.Backward(listed) {
		if !slices.Contains(s.o.NotKeys, name) {
			s.mustPut(s.newObject("list/"+name), []byte(name))
			want = append(want, "list/"+name)
		}
	}
	slices.Sort(want)
	s.mustPut(s.newObject("listed"), []byte("beside them"))
	for _, limit := range []int{0, 1, 2, len(want), 5000} {
		expected := want
		if limit > 0 {
			expected = want[:min(limit, len(want))]
		}
		if got := s.listNames("list/", limit); !slices.Equal(got, expected) {
			s.Errorf("at most %d: got %q, want %q", limit, got, expected)
		}
	}
	if got := s.listNames("list/none/", 1); len(got) != 0 {
		s.Errorf("below a prefix without objects: %q", got)
	}
	o := s.newObject("list/unfinished")
	id := s.mustBegin(o)
	s.mustPutPart(o, id, 1, []byte("half"))
	if got := s.listNames("list/unfinished", 0); len(got) != 0 {
		s.Errorf("an upload that is not complete is listed: %q", got)
	}
	s.mustAbort(o, id)
}

// testLongList needs more than one page where a store lists a few at a time.
func (s *suite) testLongList() {
	const many = 12
	for i := range many {
		s.mustPut(s.newObject("many/"+strconv.Itoa(100+i)), []byte("x"))
	}
	seen := 0
	for _, err := range s.store.List(s.Context(), s.prefix+"/many/", many) {
		if err != nil {
			s.Fatal(err)
		}
		if seen++; seen == many/2 {
			break // Whoever has what he looked for asks for no more.
		}
	}
	if seen != many/2 {
		s.Errorf("got %d objects", seen)
	}
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	var err error
	for _, err = range s.store.List(ctx, s.prefix+"/many/", 1) {
		break
	}
	if err == nil {
		s.Error("a request without a context's leave succeeded")
	}
}
