package storetest

import (
	"bytes"
	"slices"
	"sync"

	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/objstore"
)

// partSizes returns the sizes of an upload's parts: all as small as they may be, and the last smaller.
func (s *suite) partSizes() []int64 {
	l := s.store.Limits()
	return []int64{l.MinPart, l.MinPart, max(1, l.MinPart/3)}
}

// randomParts returns the parts of an upload.
func (s *suite) randomParts() (parts [][]byte, whole []byte) {
	for _, n := range s.partSizes() {
		parts = append(parts, randomBytes(n))
	}
	return parts, slices.Concat(parts...)
}

// sendOrder returns the order in which parts are sent: backwards, where the store allows it.
func (s *suite) sendOrder(n int) []int {
	var order []int
	for i := range n {
		order = append(order, i)
	}
	if !s.store.Limits().Sequential {
		slices.Reverse(order)
	}
	return order
}

func (s *suite) sendParts(o *objstore.Object, id string, data [][]byte) []objstore.Part {
	s.Helper()
	parts := make([]objstore.Part, len(data))
	for _, i := range s.sendOrder(len(data)) {
		parts[i] = s.mustPutPart(o, id, i+1, data[i])
	}
	return parts
}

func (s *suite) testUpload() {
	o := s.newObject("upload")
	data, whole := s.randomParts()
	id := s.mustBegin(o)
	s.checkAbsent(o.Key)
	parts := s.sendParts(o, id, data)
	s.checkAbsent(o.Key)
	if sum := checksum.Combine(parts); sum != (objstore.Sum{}) && sum != s.sumOf(whole) {
		s.Errorf("the parts make %v, and the whole is %v", sum, s.sumOf(whole))
	}
	stored, err := s.store.Complete(s.Context(), o, id, parts)
	if err != nil {
		s.Fatal(err)
	}
	if described := s.checkObject(o.Key, whole); described.Version != stored.Version {
		s.Errorf("version %q was written, and %q is there", stored.Version, described.Version)
	}
}

func (s *suite) testSmallUpload() {
	o := s.newObject("small-upload")
	id := s.mustBegin(o)
	part := s.mustPutPart(o, id, 1, []byte("all"))
	if _, err := s.store.Complete(s.Context(), o, id, []objstore.Part{part}); err != nil {
		s.Fatal(err)
	}
	s.checkObject(o.Key, []byte("all"))
}

func (s *suite) testCorruptPart() {
	o := s.newObject("corrupt-part")
	id := s.mustBegin(o)
	body := s.newBody([]byte("what is sent"))
	body.Sum = s.sumOf([]byte("what was read"))
	_, err := s.store.PutPart(s.Context(), o, id, 1, body)
	s.checkClass("put a part with a wrong checksum", err, objstore.Corrupt)
	s.checkAbsent(o.Key)
	if s.store.Limits().Sequential {
		s.mustAbort(o, id)
		id = s.mustBegin(o)
	}
	part := s.mustPutPart(o, id, 1, []byte("what is right"))
	if _, err := s.store.Complete(s.Context(), o, id, []objstore.Part{part}); err != nil {
		s.Fatal(err)
	}
	s.checkObject(o.Key, []byte("what is right"))
}

func (s *suite) mustAbort(o *objstore.Object, id string) {
	s.Helper()
	if err := s.store.Abort(s.Context(), o, id); err != nil {
		s.Errorf("abort: %v", err)
	}
}

func (s *suite) testReplacedPart() {
	if s.store.Limits().Sequential {
		s.Log("the store replaces no part: the core begins anew")
		return
	}
	o := s.newObject("replace")
	data, _ := s.randomParts()
	id := s.mustBegin(o)
	parts := s.sendParts(o, id, data)
	data[0] = randomBytes(int64(len(data[0])))
	parts[0] = s.mustPutPart(o, id, 1, data[0])
	if _, err := s.store.Complete(s.Context(), o, id, parts); err != nil {
		s.Fatal(err)
	}
	s.checkObject(o.Key, slices.Concat(data...))
}

func (s *suite) testParallelParts() {
	o := s.newObject("parallel")
	data, whole := s.randomParts()
	id := s.mustBegin(o)
	if s.store.Limits().Sequential {
		if _, err := s.store.Complete(s.Context(), o, id, s.sendParts(o, id, data)); err != nil {
			s.Fatal(err)
		}
		s.checkObject(o.Key, whole)
		return
	}
	parts := make([]objstore.Part, len(data))
	source := bytes.NewReader(whole)
	var wait sync.WaitGroup
	offset := int64(0)
	for i := range data {
		body := objstore.Body{ReaderAt: source, Offset: offset, Size: int64(len(data[i])), Sum: s.sumOf(data[i])}
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
	s.checkObject(o.Key, whole)
}

func (s *suite) testGap() {
	o := s.newObject("gap")
	data, _ := s.randomParts()
	id := s.mustBegin(o)
	first := s.mustPutPart(o, id, 1, data[0])
	never := objstore.Part{Number: 2, Size: int64(len(data[1])), Sum: s.sumOf(data[1]), Tag: first.Tag}
	_, err := s.store.Complete(s.Context(), o, id, []objstore.Part{first, never})
	s.checkClass("complete with a part that was never sent", err, objstore.NoUpload, objstore.Invalid, objstore.Corrupt)
	s.checkAbsent(o.Key)
	s.mustAbort(o, id)
}

func (s *suite) testConditionalComplete() {
	o := s.newObject("between")
	id, err := s.store.Begin(s.Context(), o)
	if err != nil {
		s.Fatal(err)
	}
	part := s.mustPutPart(o, id, 1, []byte("from the upload"))
	s.mustPut(o, []byte("came between"))
	_, err = s.store.Complete(s.Context(), o, id, []objstore.Part{part})
	s.checkClass("complete what exists", err, objstore.Exists)
	s.checkObject(o.Key, []byte("came between"))
	s.mustAbort(o, id)
	s.checkObject(o.Key, []byte("came between"))
}

func (s *suite) testRacingCompletes() {
	o := s.newObject("race-complete")
	contents := [][]byte{[]byte("one upload"), []byte("the other one")}
	var ids []string
	var parts []objstore.Part
	for _, content := range contents {
		id := s.mustBegin(o)
		ids, parts = append(ids, id), append(parts, s.mustPutPart(o, id, 1, content))
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
			s.Error("both uploads succeeded")
		case err == nil:
			won = i
		default:
			s.checkClass("the other upload", err, objstore.Exists, objstore.Throttled, objstore.Transient, objstore.NoUpload)
			s.mustAbort(o, ids[i])
		}
	}
	if won < 0 {
		s.Fatalf("no upload succeeded: %v", errs)
	}
	s.checkObject(o.Key, contents[won])
}

func (s *suite) testCompleteTwice() {
	o := s.newObject("twice")
	id := s.mustBegin(o)
	parts := []objstore.Part{s.mustPutPart(o, id, 1, []byte("once"))}
	first, err := s.store.Complete(s.Context(), o, id, parts)
	if err != nil {
		s.Fatal(err)
	}
	second, err := s.store.Complete(s.Context(), o, id, parts)
	switch {
	case err != nil:
		s.checkClass("complete again", err, objstore.Exists, objstore.NoUpload)
	case second.Key != first.Key || second.Size != first.Size || second.Version != first.Version:
		s.Errorf("first %+v, then %+v", first, second)
	}
	s.checkObject(o.Key, []byte("once"))
}

func (s *suite) testAbort() {
	o := s.newObject("abort")
	id := s.mustBegin(o)
	part := s.mustPutPart(o, id, 1, []byte("gone"))
	s.mustAbort(o, id)
	s.mustAbort(o, id)
	_, err := s.store.Complete(s.Context(), o, id, []objstore.Part{part})
	s.checkClass("complete what was aborted", err, objstore.NoUpload, objstore.Invalid)
	s.checkAbsent(o.Key)
	// The key is free.
	s.mustPut(o, []byte("again"))
	s.checkObject(o.Key, []byte("again"))
}

func (s *suite) testUnfinished() {
	o := s.newObject("unfinished/one")
	other := s.newObject("unfinished/other")
	id, completed := s.mustBegin(o), s.mustBegin(other)
	s.mustPutPart(o, id, 1, []byte("half"))
	part := s.mustPutPart(other, completed, 1, []byte("whole"))
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
	s.mustAbort(o, id)
	if found := list(s.prefix + "/"); len(found) != 0 {
		s.Errorf("after the end of all: %+v", found)
	}
	s.checkAbsent(o.Key)
}
