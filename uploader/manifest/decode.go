package manifest

import (
	"bytes"
	"encoding/json/jsontext"
	"encoding/json/v2"
	"errors"
	"fmt"
	"io"
)

const (
	// maxRoot bounds what is kept in memory of a manifest without its segments.
	maxRoot = 8 << 20
	// maxText bounds a manifest that is read. A million files of format 1 have 400 MiB.
	maxText = 1 << 30
	// maxLine bounds the description of one file: its path and its key have no more than 8 KiB together.
	maxLine = 64 << 10
)

// options are those of reading. Versions before format 2 took a text that is not UTF-8.
var options = json.JoinOptions(jsontext.AllowInvalidUTF8(true))

// Decode reads a manifest from JSON. The result has the files of format 1 only where they are few.
func Decode(r io.Reader) (*Manifest, error) {
	m, err := decode(r, nil)
	if err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	return m, nil
}

// decoder reads a manifest piece by piece.
type decoder struct {
	text *jsontext.Decoder
	in   *boundedReader
	// visit is called with each file; nil: they are kept.
	visit func(*File) bool
	kept  []File
	size  int // of the text of what is kept
	// tooMany means that the files are not kept, and seen counts them.
	tooMany bool
	seen    Totals
	// current means that the format is known to be the one that is written today.
	current bool
}

// errStopped is the error of a visit that returned false.
var errStopped = errors.New("stopped")

// decode reads a manifest. visit is called with each file that it lists itself, until it returns false; nil: the files are kept.
func decode(r io.Reader, visit func(*File) bool) (*Manifest, error) {
	d := &decoder{in: &boundedReader{r: r, most: maxRoot}, visit: visit, kept: []File{}}
	d.text = jsontext.NewDecoder(d.in, options)
	d.in.position = d.text.InputOffset
	rest, err := d.readMembers()
	if err != nil {
		return nil, err
	}
	if _, err := d.text.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows it")
	}
	var read struct {
		Manifest

		// Final is of format 1. Its drain wrote it, too: how the containers ended is not known.
		Final bool `json:"final"`
	}
	if err := json.Unmarshal(rest, &read, options); err != nil {
		return nil, err
	}
	m := &read.Manifest
	m.Files = d.kept
	switch {
	case m.Format == 1:
		m.State, m.Totals, m.earlierFormat = Open, d.seen, d.tooMany
		if read.Final {
			m.State = Drained
		}
		m.Segments = nil
	case m.Format != Format:
		return nil, fmt.Errorf("its format is %d, and this program reads 1 to %d: use the uploader of version %q",
			m.Format, Format, m.Uploader)
	case m.State != Complete && m.State != Drained && m.State != Open:
		return nil, fmt.Errorf("its state %q is unknown", m.State)
	case d.tooMany || len(m.Files) > MaxFiles:
		return nil, fmt.Errorf("it lists %d files itself, and %d is the most", d.seen.Files, MaxFiles)
	}
	return m, nil
}

// readMembers reads the object, and returns it without its files.
func (d *decoder) readMembers() ([]byte, error) {
	if token, err := d.text.ReadToken(); err != nil {
		return nil, err
	} else if token.Kind() != '{' {
		return nil, errors.New("it is no object of JSON")
	}
	rest := []byte{'{'}
	for d.text.PeekKind() != '}' {
		name, err := d.text.ReadValue()
		if err != nil {
			return nil, err
		}
		if string(name) == `"files"` {
			d.current = bytes.HasPrefix(rest, fmt.Appendf(nil, `{"format":%d`, Format))
			if err := d.readFiles(); err != nil {
				return nil, err
			}
			continue
		}
		if len(rest) > 1 {
			rest = append(rest, ',')
		}
		rest = append(append(rest, name...), ':')
		value, err := d.text.ReadValue()
		if err != nil {
			return nil, err
		}
		if rest = append(rest, value...); len(rest) > maxRoot {
			return nil, fmt.Errorf("it has more than %d MiB without its files", maxRoot>>20)
		}
	}
	_, err := d.text.ReadToken()
	return append(rest, '}'), err
}

// readFiles reads the array of the files.
func (d *decoder) readFiles() error {
	token, err := d.text.ReadToken()
	if err != nil || token.Kind() == 'n' {
		return err
	}
	if token.Kind() != '[' {
		return errors.New("files is no array")
	}
	d.in.most = maxLine
	defer func() { d.in.most = maxRoot }()
	for d.text.PeekKind() != ']' {
		value, err := d.text.ReadValue()
		if err != nil {
			return err
		}
		if err := d.addFile(value); err != nil {
			return err
		}
	}
	_, err = d.text.ReadToken()
	return err
}

// addFile adds a file that the manifest lists itself.
func (d *decoder) addFile(text jsontext.Value) error {
	if len(text) > maxLine {
		return errTooLong
	}
	var f File
	if err := json.Unmarshal(text, &f, options); err != nil {
		return err
	}
	d.seen.Files++
	d.seen.Bytes += f.Size
	if d.current && d.seen.Files > MaxFiles {
		return fmt.Errorf("it lists %d files itself, and %d is the most", d.seen.Files, MaxFiles)
	}
	if d.visit != nil {
		if !d.visit(&f) {
			return errStopped
		}
		return nil
	}
	if d.size += len(text); d.size > maxRoot/2 {
		d.tooMany, d.kept = true, nil
	}
	if !d.tooMany {
		d.kept = append(d.kept, f)
	}
	return nil
}

// errTooLong is the error of a file whose description is too long.
var errTooLong = fmt.Errorf("the description of a file has more than %d KiB", maxLine>>10)

// boundedReader returns an error where one value has too many bytes, or all have.
type boundedReader struct {
	r io.Reader
	// position returns how far the text is decoded.
	position func() int64
	read     int64
	most     int64
}

// readAhead is what a decoder may read beyond the value.
const readAhead = 256 << 10

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.read-b.position() > b.most+readAhead {
		return 0, errors.New("a value in it is too long")
	}
	if b.read > maxText {
		return 0, fmt.Errorf("it has more than %d MiB", maxText>>20)
	}
	n, err := b.r.Read(p[:min(len(p), 64<<10)])
	b.read += int64(n)
	return n, err
}
