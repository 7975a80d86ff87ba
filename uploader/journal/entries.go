package journal

import "iter"

// entryIndex holds the durable files.
type entryIndex struct {
	index *table
	files int
	bytes int64
	// last is the number of the last entry.
	last int64
	// checkpoints are where entries are in the file, one for about a thousand. No entry with a greater number is in front of one.
	checkpoints []checkpoint
	// unwritten are entries that are not in the file: the disk is full, or they replace one that a snapshot holds.
	unwritten map[string]Recorded
	// dropped is how many more there were than maxUnwritten.
	dropped           int
	snapshots         int
	commandsUnwritten bool
}

type checkpoint struct{ number, offset int64 }

// checkpointInterval is the least number of entries between two checkpoints.
const checkpointInterval = 1000

// maxUnwritten bounds the entries in memory.
const maxUnwritten = 20_000

func newEntryIndex() entryIndex {
	return entryIndex{index: newTable(), unwritten: map[string]Recorded{}}
}

// readEntry adds an entry that is in the file.
func (j *Journal) readEntry(e *Recorded, offset int64) {
	if e.Number == 0 {
		e.Number = j.last + 1 // An earlier version wrote it.
	}
	old, at, known := j.findRecorded(e.Path)
	if known {
		j.dead += at.size
		j.bytes -= old.Size
		j.index.move(e.Path, at.offset, offset)
	} else {
		j.files++
		j.index.add(e.Path, offset)
	}
	j.bytes += e.Size
	j.addCheckpoint(e.Number, offset)
	j.last = max(j.last, e.Number)
}

// addCheckpoint is called with each entry that is added to the file.
func (x *entryIndex) addCheckpoint(number, offset int64) {
	due := len(x.checkpoints) == 0 || number >= x.checkpoints[len(x.checkpoints)-1].number+checkpointInterval
	if due && number >= x.last {
		x.checkpoints = append(x.checkpoints, checkpoint{number, offset})
	}
}

// findRecorded returns the entry of a path that is in the file.
func (j *Journal) findRecorded(path string) (e Recorded, at span, ok bool) {
	ok = j.index.find(path, func(offset int64) bool {
		rec, size, err := j.readAt(offset)
		if err != nil || rec.Done == nil || rec.Done.Path != path {
			return false
		}
		e, at = *rec.Done, span{offset, size}
		return true
	})
	return e, at, ok
}

// findEntry returns the newest entry of a path.
func (j *Journal) findEntry(path string) (Recorded, bool) {
	if e, ok := j.unwritten[path]; ok {
		return e, true
	}
	e, _, ok := j.findRecorded(path)
	return e, ok
}

// AddEntry records that a file is durable.
func (j *Journal) AddEntry(entry Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.dead += j.drop(entry.Path)
	old, known := j.findEntry(entry.Path)
	j.last++
	e := Recorded{Entry: entry, Number: j.last, Replaces: known && (old.Replaces || old.Number <= j.segmented)}
	if !known {
		j.files++
	}
	j.bytes += e.Size - old.Size
	if known && j.snapshots > 0 && len(j.unwritten) < maxUnwritten {
		j.keepUnwritten(e) // Of more, the snapshot loses the earlier content: then what it lists is not what it counts.
		return
	}
	j.writeUnwritten()
	j.writeEntry(e)
	j.compactIfWorthwhile()
}

// writeEntry writes an entry, or keeps it in memory. It reports whether it was written.
func (j *Journal) writeEntry(e Recorded) bool {
	_, at, known := j.findRecorded(e.Path)
	written, err := j.writeRecord(&record{Done: &e})
	if err != nil {
		j.keepUnwritten(e)
		return false
	}
	delete(j.unwritten, e.Path)
	if known {
		j.dead += at.size
		j.index.move(e.Path, at.offset, written.offset)
	} else {
		j.index.add(e.Path, written.offset)
	}
	j.addCheckpoint(e.Number, written.offset)
	return true
}

func (j *Journal) keepUnwritten(e Recorded) {
	if _, known := j.unwritten[e.Path]; !known && len(j.unwritten) >= maxUnwritten {
		j.dropped++
		return
	}
	j.unwritten[e.Path] = e
}

// writeUnwritten writes what could not be written before.
func (j *Journal) writeUnwritten() {
	if j.snapshots > 0 {
		return
	}
	if j.writeErr != nil && j.dropped == 0 {
		j.writeErr = nil
	}
	for _, e := range j.unwritten {
		if !j.writeEntry(e) {
			return
		}
	}
	if j.commandsUnwritten {
		for _, c := range j.commands {
			if _, err := j.writeRecord(&record{Command: &c}); err != nil {
				return
			}
		}
		j.commandsUnwritten = false
	}
}

// Entry returns the durable file of an escaped path.
func (j *Journal) Entry(path string) (Entry, bool) {
	e, ok := j.Recorded(path)
	return e.Entry, ok
}

// Recorded returns the durable file of an escaped path as it is recorded.
func (j *Journal) Recorded(path string) (Recorded, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.findEntry(path)
}

// Last returns the number of the last entry.
func (j *Journal) Last() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// Totals returns the number and the size of the durable files.
func (j *Journal) Totals() (files int, bytes int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.files, j.bytes
}

// All returns the durable files, each with its newest content, roughly in the order in which they became durable.
func (j *Journal) All() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		s := j.Snapshot()
		defer s.Close()
		for e, err := range s.Since(0) {
			if !yield(e.Entry, err) {
				return
			}
		}
	}
}
