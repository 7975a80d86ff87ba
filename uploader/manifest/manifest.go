package manifest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/objstore"
)

// Format is the version of the format that this package writes. It reads format 1 as well.
const Format = 2

// maxSize bounds the manifest that is read. A million files have 400 MiB.
const maxSize = 1 << 30

// Manifest lists what one run has stored. Every file in it was durable before the manifest was written.
type Manifest struct {
	Format int `json:"format"`
	// Key is the manifest's own key.
	Key     string       `json:"key"`
	State   State        `json:"state"`
	Pod     uploader.Pod `json:"pod"`
	Profile string       `json:"profile,omitempty"`
	// Uploader is the version of the program.
	Uploader string    `json:"uploader"`
	Started  time.Time `json:"started"`
	Written  time.Time `json:"written"`
	// Totals are those of all files of the run.
	Totals Totals `json:"totals"`
	// Containers are the wrapped containers, and how their commands ended.
	Containers []Container `json:"containers,omitempty"`
	// Expect is what the run had to hold in order to be complete; nil: at least one file.
	Expect *uploader.Expect `json:"expect,omitempty"`
	Files  []File           `json:"files"`
	// Skipped are entries of the spool that were not uploaded, such as links. MoreSkipped counts those that are not listed.
	Skipped     []Skipped `json:"skipped,omitempty"`
	MoreSkipped int       `json:"moreSkipped,omitempty"`
}

// State is what a manifest says of its run.
type State string

// The states of a run.
const (
	// Complete means that the command of every wrapped container has ended with 0, and that every file is durable.
	Complete State = "complete"
	// Drained means that every file that was in the spool is durable. How the containers ended is not known.
	Drained State = "drained"
	// Open means neither: the pod was still running, or something was left over.
	Open State = "open"
)

// Totals count the files of a run.
type Totals struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

// Container is a wrapped container.
type Container struct {
	Name string `json:"name"`
	// Code is the exit code of the container's last command; nil: the command has not ended, or was lost.
	Code *int `json:"code,omitempty"`
	// Ended is when the command ended.
	Ended time.Time `json:"ended,omitzero"`
}

// File is a stored file.
type File struct {
	// Path is the file's in the spool, escaped as keys are.
	Path string `json:"path"`
	Key  string `json:"key"`
	Size int64  `json:"size"`
	// SHA256 is that of the content, in hex.
	SHA256 string `json:"sha256"`
	// Checksum is the one that the store keeps of the whole object; zero where it keeps none.
	Checksum objstore.Sum `json:"checksum,omitzero"`
	// Version is the object's version, where the bucket keeps versions.
	Version  string    `json:"version,omitempty"`
	Modified time.Time `json:"modified"`
	Stored   time.Time `json:"stored"`
}

// Skipped is an entry of the spool that was not uploaded.
type Skipped struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// Encode returns the manifest as JSON.
func (m *Manifest) Encode() ([]byte, error) {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the manifest: %w", err)
	}
	return append(text, '\n'), nil
}

// Decode reads a manifest from JSON.
func Decode(r io.Reader) (*Manifest, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	if len(text) > maxSize {
		return nil, fmt.Errorf("read the manifest: it has more than %d bytes", maxSize)
	}
	var read struct {
		Manifest

		// Final is of format 1. Its drain wrote it, too: how the containers ended is not known.
		Final bool `json:"final"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&read); err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	m := &read.Manifest
	switch {
	case m.Format == 1:
		m.State = Open
		if read.Final {
			m.State = Drained
		}
		m.countFiles()
	case m.Format != Format:
		return nil, fmt.Errorf("read the manifest: its format is %d, and this program reads 1 to %d: "+
			"use the uploader of version %q", m.Format, Format, m.Uploader)
	case m.State != Complete && m.State != Drained && m.State != Open:
		return nil, fmt.Errorf("read the manifest: its state %q is unknown", m.State)
	}
	if d.More() {
		return nil, errors.New("read the manifest: something follows it")
	}
	return m, nil
}

// countFiles sets the totals to those of the files.
func (m *Manifest) countFiles() {
	m.Totals = Totals{Files: len(m.Files)}
	for i := range m.Files {
		m.Totals.Bytes += m.Files[i].Size
	}
}

// Load reads a manifest from a store. Without one it returns an error of class NotFound.
func Load(ctx context.Context, store objstore.Store, key string) (*Manifest, error) {
	r, err := store.Open(ctx, key, "")
	if err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	defer r.Close()
	return Decode(r)
}

// Written is what Put has written.
type Written struct {
	// SHA256 is that of the manifest's text, in hex.
	SHA256 string
	// At is when, by the store's clock where it tells the time, and otherwise by this node's.
	At time.Time
}

// Put writes the manifest, in place of an earlier one of the run.
func (m *Manifest) Put(ctx context.Context, store objstore.Store, o objstore.Object) (Written, error) {
	text, err := m.Encode()
	if err != nil {
		return Written{}, err
	}
	o.Key, o.ContentType, o.Overwrite = m.Key, "application/json", true
	sum := checksum.Of(store.Limits().Algorithm, text)
	body := objstore.Body{ReaderAt: bytes.NewReader(text), Size: int64(len(text)), Sum: sum}
	if body.Size > store.Limits().MaxPut {
		return Written{}, fmt.Errorf("write the manifest: it has %d bytes, and the store takes %d at once",
			body.Size, store.Limits().MaxPut)
	}
	stored, err := store.Put(ctx, &o, body)
	if err != nil {
		return Written{}, fmt.Errorf("write the manifest: %w", err)
	}
	if stored.Sum != (objstore.Sum{}) && stored.Sum.Algorithm == sum.Algorithm && stored.Sum != sum {
		return Written{}, &objstore.Error{
			Class: objstore.Corrupt,
			Err:   fmt.Errorf("write the manifest: the store has %v, and %v was sent", stored.Sum, sum),
		}
	}
	written := Written{SHA256: fmt.Sprintf("%x", sha256.Sum256(text)), At: stored.Modified}
	if written.At.IsZero() {
		written.At = time.Now()
	}
	return written, nil
}

// Segment is an object that lists files of the run: JSON lines, compressed with gzip. It is never replaced.
type Segment struct {
	Key string `json:"key"`
	// SHA256 is that of the compressed object, in hex.
	SHA256 string `json:"sha256"`
	// Entries and Bytes are the number of the files that it lists, and their size.
	Entries int   `json:"entries"`
	Bytes   int64 `json:"bytes"`
}
