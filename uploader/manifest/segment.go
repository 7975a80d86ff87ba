package manifest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json/v2"
	"errors"
	"fmt"
	"io"

	"lighterman.dev/lighterman/uploader/objstore"
)

// MaxEntries is the largest number of files that a segment lists.
const MaxEntries = 50_000

// maxSegment bounds a segment that is read: about 130 bytes for a file are usual.
const maxSegment = 64 << 20

// Listed is a file that a segment lists.
type Listed struct {
	File

	// Replaces means that an earlier segment may list an earlier content of the file.
	Replaces bool `json:"replaces,omitzero"`
}

// segmentLine is a line of a segment. The last one has End, the number of the files in front of it.
type segmentLine struct {
	Listed

	End *int `json:"end"`
}

// SegmentWriter writes a segment.
type SegmentWriter struct {
	out     *gzip.Writer
	sum     func() string
	entries int
	bytes   int64
}

// NewSegmentWriter returns a writer of a segment.
func NewSegmentWriter(w io.Writer) *SegmentWriter {
	h := sha256.New()
	// SHA-256 sums do not compress: a higher level takes twice the time for 6 % (measured with a million entries).
	out, err := gzip.NewWriterLevel(io.MultiWriter(w, h), gzip.BestSpeed)
	if err != nil {
		panic(err) // The level is valid.
	}
	return &SegmentWriter{out: out, sum: func() string { return hex.EncodeToString(h.Sum(nil)) }}
}

// Entries returns the number of the files that were added.
func (w *SegmentWriter) Entries() int { return w.entries }

// Add adds a file.
func (w *SegmentWriter) Add(f *Listed) error {
	w.entries++
	w.bytes += f.Size
	return w.writeLine(f)
}

func (w *SegmentWriter) writeLine(line any) error {
	text, err := json.Marshal(line, options)
	if err != nil {
		return fmt.Errorf("write a segment of the manifest: %w", err)
	}
	if len(text) >= maxLine {
		return fmt.Errorf("write a segment of the manifest: %w", errTooLong)
	}
	if _, err := w.out.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("write a segment of the manifest: %w", err)
	}
	return nil
}

// Close writes the end, and returns the segment without its key.
func (w *SegmentWriter) Close() (Segment, error) {
	err := w.writeLine(struct {
		End int `json:"end"`
	}{w.entries})
	if err = errors.Join(err, w.out.Close()); err != nil {
		return Segment{}, err
	}
	return Segment{SHA256: w.sum(), Entries: w.entries, Bytes: w.bytes}, nil
}

// ReadSegment calls visit with each file that a segment lists, until it returns false.
func ReadSegment(ctx context.Context, store objstore.Objects, s *Segment, visit func(*Listed) bool) error {
	if err := s.read(ctx, store, visit); err != nil {
		return fmt.Errorf("read the segment %s of the manifest: %w", s.Key, err)
	}
	return nil
}

func (s *Segment) read(ctx context.Context, store objstore.Objects, visit func(*Listed) bool) error {
	compressed, err := s.fetch(ctx, store)
	if err != nil {
		return err
	}
	text, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return err
	}
	base, _, ok := places(s.Key)
	if !ok {
		return errors.New("no uploader writes one there")
	}
	lines := bufio.NewScanner(text)
	lines.Buffer(make([]byte, 0, 4<<10), maxLine)
	entries, size, ended := 0, int64(0), false
	for lines.Scan() {
		var line segmentLine
		if err := json.Unmarshal(lines.Bytes(), &line, options); err != nil {
			return err
		}
		switch {
		case ended:
			return errors.New("something follows its end")
		case line.End != nil:
			ended = *line.End == entries
		case entries >= min(s.Entries, MaxEntries):
			return fmt.Errorf("it lists more than the %d files that the manifest counts in it", s.Entries)
		default:
			if err := line.check(base); err != nil {
				return err
			}
			entries++
			size += line.Size
			if !visit(&line.Listed) {
				return nil
			}
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if !ended || entries != s.Entries || size != s.Bytes {
		return fmt.Errorf("it lists %d files with %d bytes, and the manifest counts %d with %d in it",
			entries, size, s.Entries, s.Bytes)
	}
	return nil
}

// fetch reads the object, and compares its SHA-256. It is read at once: the files in it may take hours to verify.
func (s *Segment) fetch(ctx context.Context, store objstore.Objects) ([]byte, error) {
	r, err := store.Open(ctx, s.Key, "")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	compressed, err := io.ReadAll(io.LimitReader(r, maxSegment+1))
	if err != nil {
		return nil, err
	}
	if len(compressed) > maxSegment {
		return nil, fmt.Errorf("it has more than %d MiB", maxSegment>>20)
	}
	if sum := sha256.Sum256(compressed); hex.EncodeToString(sum[:]) != s.SHA256 {
		return nil, &objstore.Error{
			Class: objstore.Corrupt, Err: fmt.Errorf("its SHA-256 is %x, and %s was stored", sum, s.SHA256),
			Cure: "restore the object from another copy, and find out who wrote it",
		}
	}
	return compressed, nil
}
