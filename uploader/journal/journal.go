package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// fileName is the journal's name in its directory.
const fileName = "journal"

// maxSize bounds the file: a slot of the table holds 32 bits of an offset. Compaction needs as much once more for a moment.
const maxSize = 900 << 20

// compactFrom is the size of the records that are no longer needed from which on compaction is worthwhile.
const compactFrom = 16 << 20

// errFull is the error of a journal that has reached maxSize.
var errFull = fmt.Errorf("the journal has %d MiB, which is the most: a run may have about 2 million files: "+
	"divide the files among several pods", maxSize>>20)

// Journal is the journal of one run. Its methods may be called at the same time.
type Journal struct {
	maxSize, compactFrom int64

	mu   sync.Mutex
	name string
	file *os.File
	end  int64 // where the next record is written
	// dead is the size of the records that are no longer needed.
	dead    int64
	damaged int

	entryIndex
	uploadIndex

	// commands are in the order in which they began.
	commands []Command
	segments []Segment
	// segmented is the number of the last entry that a segment may list.
	segmented int64
	run       string
	// writeErr is the error of the last write. The run continues without what was not written, which only a restart
	// would need.
	writeErr error
}

// Open opens the journal of a run in a directory, or creates it. It returns the uploads of an earlier run: the caller
// is to abort them. It drops a line that a crash has torn, and leaves out lines that are damaged.
func Open(dir, run string) (*Journal, []Upload, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("open the journal: %w", err)
	}
	j := newJournal(filepath.Join(dir, fileName))
	err := j.readFile()
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open the journal: %w", err)
	}
	if j.file != nil && j.run == run {
		if err := j.file.Truncate(j.end); err != nil {
			return nil, nil, errors.Join(fmt.Errorf("open the journal: %w", err), j.file.Close())
		}
		if j.damaged > 0 {
			j.segments = nil // They may list entries that are lost.
		}
		j.compactIfWorthwhile()
		return j, nil, nil
	}
	var stale []Upload
	if j.file != nil {
		stale = j.Uploads()
		if err := j.file.Close(); err != nil {
			return nil, nil, fmt.Errorf("open the journal: %w", err)
		}
	}
	j = newJournal(j.name)
	j.run = run
	if err := j.compact(); err != nil {
		return nil, nil, fmt.Errorf("open the journal: %w", err)
	}
	return j, stale, nil
}

func newJournal(name string) *Journal {
	return &Journal{
		maxSize: maxSize, compactFrom: compactFrom, name: name, entryIndex: newEntryIndex(), uploadIndex: newUploadIndex(),
	}
}

// readFile applies the records of the file.
func (j *Journal) readFile() error {
	f, err := os.OpenFile(j.name, os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	j.file = f
	err = readLines(f, 0, func(line []byte, offset int64) bool {
		j.end = offset + int64(len(line))
		rec, err := decode(line)
		if err != nil {
			j.damaged++
			j.dead += int64(len(line))
			return true
		}
		j.applyRecord(rec, offset, int64(len(line)))
		return true
	})
	if err != nil {
		return errors.Join(err, f.Close())
	}
	return nil
}

// readLines calls visit with each line from an offset on, until it returns false. A line without a line feed is torn,
// and left out. The line is valid until visit returns.
func readLines(r io.ReaderAt, from int64, visit func(line []byte, offset int64) bool) error {
	const most = 1 << 40 // The file ends before.
	b := bufio.NewReaderSize(io.NewSectionReader(r, from, most), 64<<10)
	for offset := from; ; {
		line, err := b.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			head := append([]byte(nil), line...)
			line, err = b.ReadBytes('\n')
			line = append(head, line...)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the journal: %w", err)
		}
		if !visit(line, offset) {
			return nil
		}
		offset += int64(len(line))
	}
}

// lines are the buffers of readAt.
var lines = sync.Pool{New: func() any { b := make([]byte, 2<<10); return &b }}

// readAt reads the record at an offset.
func (j *Journal) readAt(offset int64) (rec *record, size int64, err error) {
	buffer, _ := lines.Get().(*[]byte)
	defer lines.Put(buffer)
	for {
		n, err := j.file.ReadAt((*buffer)[:min(int64(len(*buffer)), j.end-offset)], offset)
		if err != nil {
			return nil, 0, fmt.Errorf("read the journal: %w", err)
		}
		for i, c := range (*buffer)[:n] {
			if c == '\n' {
				rec, err = decode((*buffer)[:i])
				return rec, int64(i + 1), err
			}
		}
		if offset+int64(n) >= j.end {
			return nil, 0, fmt.Errorf("read the journal: no line ends behind byte %d", offset)
		}
		*buffer = make([]byte, 4*len(*buffer))
	}
}

// applyRecord updates what is known by a record that is in the file.
func (j *Journal) applyRecord(rec *record, offset, size int64) {
	switch {
	case rec.Run != "":
		j.run = rec.Run
	case rec.Begin != nil && rec.Begin.Staged != nil:
		j.dead += j.drop(rec.Begin.Path)
		j.staged[rec.Begin.Path] = span{offset, size}
	case rec.Begin != nil:
		j.dead += j.drop(rec.Begin.Path)
		j.begin(*rec.Begin).recorded = size
	case rec.Part != nil:
		if u := j.load(rec.Part.Path); u != nil {
			u.Parts[rec.Part.Part.Number], u.Staged = rec.Part.Part, nil
			u.recorded += size
		}
	case rec.End != "":
		j.dead += j.drop(rec.End) + size
	case rec.Done != nil:
		j.dead += j.drop(rec.Done.Path)
		j.readEntry(rec.Done, offset)
	case rec.Command != nil:
		if j.applyCommand(*rec.Command) {
			j.dead += size
		}
	case rec.Segments != nil:
		j.applySegments(*rec.Segments)
		j.dead += size // Roughly: the last one is needed.
	}
}

// writeRecord writes a record, and returns where it is.
func (j *Journal) writeRecord(rec *record) (span, error) {
	line, err := rec.encode()
	if err == nil && j.end+int64(len(line)) > j.maxSize {
		err = errFull
	}
	if err == nil {
		// What an earlier write has left behind the end is overwritten.
		_, err = j.file.WriteAt(line, j.end)
	}
	if err != nil {
		j.writeErr = fmt.Errorf("write the journal: %w", err)
		return span{}, j.writeErr
	}
	at := span{j.end, int64(len(line))}
	j.end += at.size
	return at, nil
}

// span is where a record is in the file.
type span struct{ offset, size int64 }

// Damaged returns the number of lines that Open has left out: what they recorded is not known.
func (j *Journal) Damaged() int { return j.damaged }

// Sync flushes the records to the disk. It returns an error if a durable file, or an attempt of a command, is not
// recorded there.
func (j *Journal) Sync() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.writeUnwritten()
	if j.writeErr != nil {
		return j.writeErr
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

// Close flushes and closes the file.
func (j *Journal) Close() error { return errors.Join(j.Sync(), j.file.Close()) }
