package index

import (
	"bytes"
	"encoding/json/v2"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"lighterman.dev/lighterman/uploader/manifest"
)

// Format is the version of the format of an Entry.
const Format = 1

// maxSize bounds the text of an entry.
const maxSize = 4 << 10

// Entry describes a run. It is a copy of what the run's manifest says, and names that with its SHA-256.
type Entry struct {
	Format int `json:"format"`
	// Run is the UID of the run's pod, which is named Pod.
	Run       string `json:"run"`
	Pod       string `json:"pod"`
	Namespace string `json:"namespace"`
	Series    string `json:"series"`
	// State is Complete or Drained.
	State manifest.State `json:"state"`
	// Started and Written are the manifest's, by the node's clock.
	Started time.Time `json:"started"`
	Written time.Time `json:"written"`
	Files   int64     `json:"files"`
	Bytes   int64     `json:"bytes"`
	// Manifest is the key of the run's manifest, and ManifestSHA256 the SHA-256 of that, in hex.
	Manifest       string `json:"manifest"`
	ManifestSHA256 string `json:"manifestSHA256"`
	// Profile names the profile, for people.
	Profile string `json:"profile,omitzero"`
	// Uploader is the version of the program.
	Uploader string `json:"uploader,omitzero"`
}

// Encode returns the entry as JSON. The same entry has the same text.
func (e *Entry) Encode() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("write an entry of the index: %w", err)
	}
	text, err := json.Marshal(e, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("write an entry of the index: %w", err)
	}
	if len(text) >= maxSize {
		return nil, fmt.Errorf("write an entry of the index: it has %d bytes, and %d is the most", len(text)+1, maxSize)
	}
	return append(text, '\n'), nil
}

// Decode reads an entry from JSON. Fields that a later version has added are ignored.
func Decode(r io.Reader) (*Entry, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read an entry of the index: %w", err)
	}
	if len(text) > maxSize {
		return nil, fmt.Errorf("read an entry of the index: it has more than %d bytes", maxSize)
	}
	var e Entry
	if err := json.Unmarshal(bytes.TrimSpace(text), &e); err != nil {
		return nil, fmt.Errorf("read an entry of the index: %w", err)
	}
	if e.Format != Format {
		return nil, fmt.Errorf("read an entry of the index: its format is %d, and this program reads %d: "+
			"use an uploader that is at least as new as the one that wrote it", e.Format, Format)
	}
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("read an entry of the index: %w", err)
	}
	return &e, nil
}

var isSHA256 = regexp.MustCompile(`^[0-9a-f]{64}$`)

// check finds what no entry says.
func (e *Entry) check() error {
	switch {
	case e.State != manifest.Complete && e.State != manifest.Drained:
		return fmt.Errorf("its state is %q, and only complete and drained runs have an entry", e.State)
	case e.Run == "" || e.Namespace == "" || e.Series == "" || e.Manifest == "":
		return errors.New("it does not name its run, namespace, series and manifest")
	case e.Files < 0 || e.Bytes < 0:
		return fmt.Errorf("it has %d files with %d bytes", e.Files, e.Bytes)
	case !isSHA256.MatchString(e.ManifestSHA256):
		return fmt.Errorf("%q is no SHA-256 of a manifest", e.ManifestSHA256)
	}
	return nil
}
