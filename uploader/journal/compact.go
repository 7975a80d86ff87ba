package journal

import (
	"bufio"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
)

// compactIfWorthwhile compacts the file when more than half of it is no longer needed. An error is not one of the
// journal: the next record tries again.
func (j *Journal) compactIfWorthwhile() {
	if j.dead < j.compactFrom || j.dead < j.end/2 || j.snapshots > 0 {
		return
	}
	if err := j.compact(); err != nil {
		j.dead = 0 // It is tried again when as much has come together again.
	}
}

// compact replaces the file with one of the records that are needed. A crash leaves the old file or the new one.
func (j *Journal) compact() error {
	f, err := os.OpenFile(j.name+".new", os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	c := &compaction{from: j, to: newJournal(j.name), out: bufio.NewWriterSize(f, 256<<10)}
	c.to.file = f
	if err := c.copyRecords(); err != nil {
		return errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	if err := errors.Join(f.Sync(), os.Rename(f.Name(), j.name)); err != nil {
		return errors.Join(err, f.Close())
	}
	if j.file != nil {
		_ = j.file.Close() // It is replaced: nothing of it is needed any more.
	}
	j.file, j.end, j.dead = f, c.to.end, c.to.dead
	j.index, j.checkpoints, j.staged = c.to.index, c.to.checkpoints, c.to.staged
	for path, u := range c.to.uploads {
		j.uploads[path].recorded = u.recorded
	}
	return nil
}

// compaction copies the records of a journal that are needed.
type compaction struct {
	from, to *Journal
	out      *bufio.Writer
}

func (c *compaction) copyRecords() error {
	if err := c.write(&record{Run: c.from.run}); err != nil {
		return err
	}
	if err := c.copyEntries(); err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(c.from.uploads)) {
		u := c.from.uploads[path].Upload
		at := c.to.end
		if err := c.write(&record{Begin: &u}); err != nil {
			return err
		}
		c.to.uploads[path] = &openUpload{recorded: c.to.end - at}
	}
	for _, command := range c.from.commands {
		if err := c.write(&record{Command: &command}); err != nil {
			return err
		}
	}
	if len(c.from.segments) > 0 {
		if err := c.write(&record{Segments: &c.from.segments}); err != nil {
			return err
		}
	}
	return c.out.Flush()
}

// copyEntries copies the entries and the staged uploads, in their order.
func (c *compaction) copyEntries() error {
	if c.from.file == nil {
		return nil
	}
	var failed error
	err := readLines(c.from.file, 0, func(line []byte, offset int64) bool {
		if offset >= c.from.end {
			return false
		}
		rec, err := decode(line)
		if err != nil {
			return true // It is damaged.
		}
		at := span{c.to.end, int64(len(line))}
		switch {
		case rec.Done != nil && c.from.index.holds(rec.Done.Path, offset):
			c.to.index.add(rec.Done.Path, at.offset)
			c.to.addCheckpoint(rec.Done.Number, at.offset)
			c.to.last = max(c.to.last, rec.Done.Number)
		case rec.Begin != nil && c.from.staged[rec.Begin.Path] == span{offset, at.size}:
			c.to.staged[rec.Begin.Path] = at
		default:
			return true
		}
		_, failed = c.out.Write(line)
		c.to.end += at.size
		return failed == nil
	})
	return errors.Join(err, failed)
}

func (c *compaction) write(rec *record) error {
	line, err := rec.encode()
	if err != nil {
		return err
	}
	c.to.end += int64(len(line))
	_, err = io.Writer(c.out).Write(line)
	return err
}
