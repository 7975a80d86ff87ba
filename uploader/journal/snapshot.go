package journal

import (
	"fmt"
	"iter"
	"slices"
	"sort"
)

// Snapshot is the durable files at one time.
type Snapshot struct {
	j *Journal
	// Last is the number of the last entry.
	Last  int64
	Files int
	Bytes int64
	// Segments are the segments of the manifest.
	Segments []Segment
}

// Snapshot returns the durable files as they are now. The caller closes it. From then on the manifest may list them.
func (j *Journal) Snapshot() *Snapshot {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.snapshots++
	j.segmented = j.last
	return &Snapshot{j: j, Last: j.last, Files: j.files, Bytes: j.bytes, Segments: slices.Clone(j.segments)}
}

// Close ends the snapshot. The journal can be compacted again.
func (s *Snapshot) Close() {
	s.j.mu.Lock()
	defer s.j.mu.Unlock()
	s.j.snapshots--
	s.j.writeUnwritten()
	s.j.compactIfWorthwhile()
}

// Since returns the entries with a number greater than the one given.
func (s *Snapshot) Since(number int64) iter.Seq2[Recorded, error] {
	return func(yield func(Recorded, error) bool) {
		stopped, err := s.read(number, func(e Recorded) bool { return yield(e, nil) })
		if err != nil && !stopped {
			yield(Recorded{}, err)
		}
	}
}

// read calls visit with the entries in the file, and then with those in memory. It reports whether visit has stopped it.
func (s *Snapshot) read(number int64, visit func(Recorded) bool) (stopped bool, err error) {
	from, end, unwritten, err := s.begin(number)
	if err != nil {
		return false, err
	}
	err = readLines(s.j.file, from, func(line []byte, offset int64) bool {
		if offset >= end {
			return false
		}
		rec, err := decode(line)
		if err != nil || rec.Done == nil || rec.Done.Number <= number || rec.Done.Number > s.Last {
			return true
		}
		if _, newer := unwritten[rec.Done.Path]; newer || !s.holds(rec.Done.Path, offset) {
			return true
		}
		stopped = !visit(*rec.Done)
		return !stopped
	})
	if err != nil || stopped {
		return stopped, err
	}
	for _, e := range sortedByNumber(unwritten) {
		if e.Number > number && !visit(e) {
			return true, nil
		}
	}
	return false, nil
}

// begin returns where to read, and the entries that are not in the file.
func (s *Snapshot) begin(number int64) (from, end int64, unwritten map[string]Recorded, err error) {
	j := s.j
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.dropped > 0 {
		return 0, 0, nil, fmt.Errorf("%d files are stored, and not recorded: %w", j.dropped, j.writeErr)
	}
	if at := sort.Search(len(j.checkpoints), func(i int) bool { return j.checkpoints[i].number > number+1 }); at > 0 {
		from = j.checkpoints[at-1].offset
	}
	unwritten = map[string]Recorded{}
	for path, e := range j.unwritten {
		if e.Number <= s.Last {
			unwritten[path] = e
		}
	}
	return from, j.end, unwritten, nil
}

// holds reports whether a path's entry is the one at an offset.
func (s *Snapshot) holds(path string, offset int64) bool {
	s.j.mu.Lock()
	defer s.j.mu.Unlock()
	return s.j.index.holds(path, offset)
}

func sortedByNumber(entries map[string]Recorded) []Recorded {
	sorted := make([]Recorded, 0, len(entries))
	for _, e := range entries {
		sorted = append(sorted, e)
	}
	slices.SortFunc(sorted, func(a, b Recorded) int { return int(a.Number - b.Number) })
	return sorted
}
