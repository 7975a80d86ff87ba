package manifest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/objstore"
)

// Format is the version of the format that this package writes and reads.
const Format = 1

// maxSize bounds the manifest that is read. A million files have 400 MiB.
const maxSize = 1 << 30

// Manifest lists what one run has stored. Every file in it was durable before the manifest was written.
type Manifest struct {
	Format int `json:"format"`
	// Key is the manifest's own key.
	Key     string       `json:"key"`
	Pod     uploader.Pod `json:"pod"`
	Profile string       `json:"profile,omitempty"`
	// Uploader is the version of the program.
	Uploader string    `json:"uploader"`
	Started  time.Time `json:"started"`
	Written  time.Time `json:"written"`
	// Final means that the run has ended and every file is stored. Otherwise the pod was still running.
	Final bool   `json:"final"`
	Files []File `json:"files"`
	// Skipped are entries of the spool that are not regular files, such as links: they were not uploaded.
	Skipped []Skipped `json:"skipped,omitempty"`
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
	var m Manifest
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	if m.Format != Format {
		return nil, fmt.Errorf("read the manifest: its format is %d, and this program reads %d: "+
			"use the uploader of version %q", m.Format, Format, m.Uploader)
	}
	if d.More() {
		return nil, errors.New("read the manifest: something follows it")
	}
	return &m, nil
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

// Put writes the manifest, in place of an earlier one of the run.
func (m *Manifest) Put(ctx context.Context, store objstore.Store, o objstore.Object) error {
	text, err := m.Encode()
	if err != nil {
		return err
	}
	o.Key, o.ContentType, o.Overwrite = m.Key, "application/json", true
	sum := checksum.Of(store.Limits().Algorithm, text)
	body := objstore.Body{ReaderAt: bytes.NewReader(text), Size: int64(len(text)), Sum: sum}
	if body.Size > store.Limits().MaxPut {
		return fmt.Errorf("write the manifest: it has %d bytes, and the store takes %d at once",
			body.Size, store.Limits().MaxPut)
	}
	stored, err := store.Put(ctx, &o, body)
	if err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	if stored.Sum != (objstore.Sum{}) && stored.Sum.Algorithm == sum.Algorithm && stored.Sum != sum {
		return &objstore.Error{
			Class: objstore.Corrupt,
			Err:   fmt.Errorf("write the manifest: the store has %v, and %v was sent", stored.Sum, sum),
		}
	}
	return nil
}
