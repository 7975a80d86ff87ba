package journal

import "hash/maphash"

// table is where the record of each path is in the file, in about 11 bytes for a path. It holds a tag of the path, of 40
// bits, in place of the path: the caller compares the path of the record.
type table struct {
	seed   maphash.Seed
	shards [256]shard
	count  int
}

// shard is a hash table with linear probing. A table of many shards does not double at once.
type shard struct {
	// slots hold the tag in the upper half, and the offset of the record plus one in the lower. Zero is empty.
	slots []uint64
	used  int
}

func newTable() *table { return &table{seed: maphash.MakeSeed()} }

// locate returns the shard of a path, and its tag there.
func (t *table) locate(path string) (*shard, uint32) {
	hash := maphash.String(t.seed, path)
	return &t.shards[hash>>56], uint32(hash) //nolint:gosec // The lower half is meant.
}

// find reports whether there is a record of a path for whose offset matches returns true.
func (t *table) find(path string, matches func(offset int64) bool) bool {
	s, tag := t.locate(path)
	return s.find(tag, matches) != nil
}

// holds reports whether the record of a path is the one at an offset.
func (t *table) holds(path string, offset int64) bool {
	return t.find(path, func(at int64) bool { return at == offset })
}

// add adds the record of a path that has none.
func (t *table) add(path string, offset int64) {
	s, tag := t.locate(path)
	if 8*(s.used+1) > 7*len(s.slots) {
		s.grow()
	}
	s.insert(uint64(tag)<<32 | uint64(offset+1)) //nolint:gosec // It has less than 32 bits: see maxSize.
	t.count++
}

// move replaces the offset of the record of a path.
func (t *table) move(path string, from, to int64) {
	s, tag := t.locate(path)
	if slot := s.find(tag, func(at int64) bool { return at == from }); slot != nil {
		*slot = uint64(tag)<<32 | uint64(to+1) //nolint:gosec // It has less than 32 bits: see maxSize.
	}
}

func offsetOf(slot uint64) int64 { return int64(slot&(1<<32-1)) - 1 }

// home returns where the search for a tag begins.
func (s *shard) home(tag uint32) int {
	return int(uint64(tag) * uint64(len(s.slots)) >> 32)
}

func (s *shard) find(tag uint32, matches func(offset int64) bool) *uint64 {
	if len(s.slots) == 0 {
		return nil
	}
	for i := s.home(tag); s.slots[i] != 0; i = (i + 1) % len(s.slots) {
		if uint32(s.slots[i]>>32) == tag && matches(offsetOf(s.slots[i])) {
			return &s.slots[i]
		}
	}
	return nil
}

func (s *shard) insert(slot uint64) {
	i := s.home(uint32(slot >> 32))
	for s.slots[i] != 0 {
		i = (i + 1) % len(s.slots)
	}
	s.slots[i] = slot
	s.used++
}

func (s *shard) grow() {
	old := s.slots
	s.slots, s.used = make([]uint64, max(8, len(old)*3/2)), 0
	for _, slot := range old {
		if slot != 0 {
			s.insert(slot)
		}
	}
}
