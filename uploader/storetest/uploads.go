package storetest

import (
	"bytes"
	"slices"
	"sync"

	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/objstore"
)

// sizes are those of the parts of an upload: all as small as they may be, and the last smaller.
func (s *suite) sizes() []int64 {
	l := s.store.Limits()
	return []int64{l.MinPart, l.MinPart, max(1, l.MinPart/3)}
}

// data gives the parts of an upload.
func (s *suite) data() (parts [][]byte, whole []byte) {
	for _, n := range s.sizes() {
		parts = append(parts, random(n))
	}
	return parts, slices.Concat(parts...)
}

// order is that in which parts are sent: backwards, where the store lets it be.
func (s *suite) order(n int) []int {
	var order []int
	for i := range n {
		order = append(order, i)
	}
	if !s.store.Limits().Sequential {
		slices.Reverse(order)
	}
	return order
}

func (s *suite) send(o *objstore.Object, id string, data [][]byte) []objstore.Part {
	s.Helper()
	parts := make([]objstore.Part, len(data))
	for _, i := range s.order(len(data)) {
		parts[i] = s.part(o, id, i+1, data[i])
	}
	return parts
}

func (s *suite) upload() {
	o := s.new("upload")
	data, whole := s.data()
	id := s.begin(o)
	s.absent(o.Key)
	parts := s.send(o, id, data)
	s.absent(o.Key)
	if sum := checksum.Combine(parts); sum != (objstore.Sum{}) && sum != s.sum(whole) {
		s.Errorf("the parts make %v, and the whole is %v", sum, s.sum(whole))
	}
	stored, err := s.store.Complete(s.Context(), o, id, parts)
	if err != nil {
		s.Fatal(err)
	}
	if described := s.whole(o.Key, whole); described.Version != stored.Version {
		s.Errorf("version %q was written, and %q is there", stored.Version, described.Version)
	}
}

func (s *suite) smallUpload() {
	o := s.new("small-upload")
	id := s.begin(o)
	part := s.part(o, id, 1, []byte("all"))
	if _, err := s.store.Complete(s.Context(), o, id, []objstore.Part{part}); err != nil {
		s.Fatal(err)
	}
	s.whole(o.Key, []byte("all"))
}

func (s *suite) corruptPart() {
	o := s.new("corrupt-part")
	id := s.begin(o)
	body := s.body([]byte("what is sent"))
	body.Sum = s.sum([]byte("what was read"))
	_, err := s.store.PutPart(s.Context(), o, id, 1, body)
	s.want("put a part with a wrong checksum", err, objstore.Corrupt)
	s.absent(o.Key)
	if s.store.Limits().Sequential {
		s.abortQuietly(o, id)
		id = s.begin(o)
	}
	part := s.part(o, id, 1, []byte("what is right"))
	if _, err := s.store.Complete(s.Context(), o, id, []objstore.Part{part}); err != nil {
		s.Fatal(err)
	}
	s.whole(o.Key, []byte("what is right"))
}

func (s *suite) abortQuietly(o *objstore.Object, id string) {
	s.Helper()
	if err := s.store.Abort(s.Context(), o, id); err != nil {
		s.Errorf("abort: %v", err)
	}
}

func (s *suite) replace() {
	if s.store.Limits().Sequential {
		s.Log("the store replaces no part: the core begins anew")
		return
	}
	o := s.new("replace")
	data, _ := s.data()
	id := s.begin(o)
	parts := s.send(o, id, data)
	data[0] = random(int64(len(data[0])))
	parts[0] = s.part(o, id, 1, data[0])
	if _, err := s.store.Complete(s.Context(), o, id, parts); err != nil {
		s.Fatal(err)
	}
	s.whole(o.Key, slices.Concat(data...))
}

func (s *suite) parallel() {
	o := s.new("parallel")
	data, whole := s.data()
	id := s.begin(o)
	if s.store.Limits().Sequential {
		if _, err := s.store.Complete(s.Context(), o, id, s.send(o, id, data)); err != nil {
			s.Fatal(err)
		}
		s.whole(o.Key, whole)
		return
	}
	parts := make([]objstore.Part, len(data))
	source := bytes.NewReader(whole)
	var wait sync.WaitGroup
	offset := int64(0)
	for i := range data {
		body := objstore.Body{ReaderAt: source, Offset: offset, Size: int64(len(data[i])), Sum: s.sum(data[i])}
		offset += body.Size
		wait.Go(func() {
			part, err := s.store.PutPart(s.Context(), o, id, i+1, body)
			if err != nil {
				s.Errorf("part %d: %v", i+1, err)
			}
			parts[i] = part
		})
	}
	wait.Wait()
	if s.Failed() {
		return
	}
	if _, err := s.store.Complete(s.Context(), o, id, parts); err != nil {
		s.Fatal(err)
	}
	s.whole(o.Key, whole)
}

func (s *suite) gap() {
	o := s.new("gap")
	data, _ := s.data()
	id := s.begin(o)
	first := s.part(o, id, 1, data[0])
	never := objstore.Part{Number: 2, Size: int64(len(data[1])), Sum: s.sum(data[1]), Tag: first.Tag}
	_, err := s.store.Complete(s.Context(), o, id, []objstore.Part{first, never})
	s.want("complete with a part that was never sent", err, objstore.NoUpload, objstore.Invalid, objstore.Corrupt)
	s.absent(o.Key)
	s.abortQuietly(o, id)
}

func (s *suite) conditionalComplete() {
	o := s.new("between")
	id, err := s.store.Begin(s.Context(), o)
	if err != nil {
		s.Fatal(err)
	}
	part := s.part(o, id, 1, []byte("from the upload"))
	s.put(o, []byte("came between"))
	_, err = s.store.Complete(s.Context(), o, id, []objstore.Part{part})
	s.want("complete what exists", err, objstore.Exists)
	s.whole(o.Key, []byte("came between"))
	s.abortQuietly(o, id)
	s.whole(o.Key, []byte("came between"))
}

func (s *suite) raceComplete() {
	o := s.new("race-complete")
	contents := [][]byte{[]byte("one upload"), []byte("the other one")}
	var ids []string
	var parts []objstore.Part
	for _, content := range contents {
		id := s.begin(o)
		ids, parts = append(ids, id), append(parts, s.part(o, id, 1, content))
	}
	errs := make([]error, len(ids))
	var wait sync.WaitGroup
	for i := range ids {
		wait.Go(func() { _, errs[i] = s.store.Complete(s.Context(), o, ids[i], parts[i:i+1:i+1]) })
	}
	// Numbers are 1 in both: each is the first part of its own upload.
	wait.Wait()
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won >= 0:
			s.Error("both were told that the object is theirs")
		case err == nil:
			won = i
		default:
			s.want("the other upload", err, objstore.Exists, objstore.Throttled, objstore.Transient, objstore.NoUpload)
			s.abortQuietly(o, ids[i])
		}
	}
	if won < 0 {
		s.Fatalf("nobody won: %v", errs)
	}
	s.whole(o.Key, contents[won])
}

func (s *suite) completeTwice() {
	o := s.new("twice")
	id := s.begin(o)
	parts := []objstore.Part{s.part(o, id, 1, []byte("once"))}
	first, err := s.store.Complete(s.Context(), o, id, parts)
	if err != nil {
		s.Fatal(err)
	}
	second, err := s.store.Complete(s.Context(), o, id, parts)
	switch {
	case err != nil:
		s.want("complete again", err, objstore.Exists, objstore.NoUpload)
	case second.Key != first.Key || second.Size != first.Size || second.Version != first.Version:
		s.Errorf("first %+v, then %+v", first, second)
	}
	s.whole(o.Key, []byte("once"))
}

func (s *suite) abort() {
	o := s.new("abort")
	id := s.begin(o)
	part := s.part(o, id, 1, []byte("gone"))
	s.abortQuietly(o, id)
	s.abortQuietly(o, id)
	_, err := s.store.Complete(s.Context(), o, id, []objstore.Part{part})
	s.want("complete what was aborted", err, objstore.NoUpload, objstore.Invalid)
	s.absent(o.Key)
	// The key is free.
	s.put(o, []byte("again"))
	s.whole(o.Key, []byte("again"))
}

func (s *suite) unfinished() {
	o := s.new("unfinished/one")
	other := s.new("unfinished/other")
	id, completed := s.begin(o), s.begin(other)
	s.part(o, id, 1, []byte("half"))
	part := s.part(other, completed, 1, []byte("whole"))
	if _, err := s.store.Complete(s.Context(), other, completed, []objstore.Part{part}); err != nil {
		s.Fatal(err)
	}
	list := func(prefix string) (found []objstore.Unfinished) {
		for u, err := range s.store.Unfinished(s.Context(), prefix) {
			if err != nil {
				s.Fatalf("list: %v", err)
			}
			found = append(found, u)
		}
		return found
	}
	if found := list(s.prefix + "/"); !s.o.NoList && (len(found) != 1 || found[0].Key != o.Key || found[0].ID != id || found[0].Begun.IsZero()) {
		s.Errorf("got %+v, want the upload %s of %s", found, id, o.Key)
	}
	if found := list(s.prefix + "/elsewhere/"); len(found) != 0 {
		s.Errorf("below another prefix: %+v", found)
	}
	s.abortQuietly(o, id)
	if found := list(s.prefix + "/"); len(found) != 0 {
		s.Errorf("after the end of all: %+v", found)
	}
	s.absent(o.Key)
}
