package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
)

// ErrNone means that the store has listed the entries of a series, and there is none. It is never the answer of a store that
// cannot be read.
var ErrNone = errors.New("the series has no run")

const (
	// maxAhead is how much newer than the store's time of it an entry may claim to be.
	maxAhead = 5 * time.Minute
	// maxLooked bounds how many entries are looked at. It is one page of a listing.
	maxLooked = 1000
	// maxOfOneSecond bounds how many entries of one run may be of one second.
	maxOfOneSecond = 5
)

// Put writes an entry for a run that ended at a time, and returns its key. o has the settings of the object. Writing the same
// entry again succeeds: the answer of the first time may have been lost. Another entry of the run, of the same second, is not
// replaced: the new one gets the next second.
func (s *Series) Put(ctx context.Context, e *Entry, at time.Time, o objstore.Object) (string, error) {
	text, err := e.Encode()
	if err != nil {
		return "", err
	}
	o.ContentType, o.Overwrite = "application/json", false
	sum := checksum.Of(s.Store.Limits().Algorithm, text)
	for range maxOfOneSecond {
		if o.Key, err = s.key(e.State, at, e.Run); err != nil {
			return "", err
		}
		_, err = s.Store.Put(ctx, &o, objstore.Body{ReaderAt: bytes.NewReader(text), Size: int64(len(text)), Sum: sum})
		if err == nil || (objstore.ClassOf(err) == objstore.Exists && s.has(ctx, o.Key, text)) {
			return o.Key, nil
		}
		if objstore.ClassOf(err) != objstore.Exists {
			break
		}
		at = at.Add(time.Second)
	}
	return "", fmt.Errorf("write the run to the index: %w", err)
}

// has reports whether the store has an object with this text.
func (s *Series) has(ctx context.Context, key string, text []byte) bool {
	r, err := s.Store.Open(ctx, key, "")
	if err != nil {
		return false
	}
	defer r.Close()
	stored, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	return err == nil && bytes.Equal(stored, text)
}

// Newest returns the newest entry of a state, but for those of one run, and of those that claim to be newer than the store's
// time of them: a warning names these. It returns ErrNone where there is none.
func (s *Series) Newest(ctx context.Context, state manifest.State, except string) (*Entry, error) {
	folder := s.folder(state)
	// One key is enough unless it is one of those.
	for _, limit := range []int{1, maxLooked} {
		n := 0
		for o, err := range s.Store.List(ctx, folder, limit) {
			if err != nil {
				return nil, fmt.Errorf("look for the newest run: %w", err)
			}
			n++
			name := strings.TrimPrefix(o.Key, folder)
			at, run, err := parseName(name)
			if err == nil && at.After(o.Modified.Add(maxAhead)) {
				err = fmt.Errorf("it claims to be of %s, and the store wrote it at %s",
					at.Format(time.RFC3339), o.Modified.UTC().Format(time.RFC3339))
			}
			switch {
			case err != nil && limit > 1: // Else it is listed again.
				s.Log.Warn("ignore entry of the index", "key", o.Key, "error", err)
			case err == nil && run != escapeElement(except):
				return s.load(ctx, o.Key, state, run)
			}
		}
		if n < limit {
			return nil, ErrNone
		}
	}
	return nil, fmt.Errorf("look for the newest run: none of the first %d entries below %s can be used: remove those that are wrong",
		maxLooked, folder)
}

// load reads an entry, and compares it with its key.
func (s *Series) load(ctx context.Context, key string, state manifest.State, run string) (*Entry, error) {
	r, err := s.Store.Open(ctx, key, "")
	if err != nil {
		return nil, fmt.Errorf("read the newest run's entry of the index: %w", err)
	}
	defer r.Close()
	e, err := Decode(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	if e.State != state || escapeElement(e.Run) != run || e.Namespace != s.Namespace || e.Series != s.Name {
		return nil, fmt.Errorf("%s: read an entry of the index: it is of the %s run %q of %s/%s, and its key is not",
			key, e.State, e.Run, e.Namespace, e.Series)
	}
	return e, nil
}

// Remove removes the entries of a run, of all states, as far as they are among the newest of the series.
func (s *Series) Remove(ctx context.Context, run string) error {
	for _, state := range []manifest.State{manifest.Complete, manifest.Drained} {
		folder := s.folder(state)
		for o, err := range s.Store.List(ctx, folder, maxLooked) {
			if err != nil {
				return fmt.Errorf("remove the run from the index: %w", err)
			}
			_, of, err := parseName(strings.TrimPrefix(o.Key, folder))
			if err != nil || of != escapeElement(run) {
				continue
			}
			if err := s.Store.Delete(ctx, o.Key, ""); err != nil {
				return fmt.Errorf("remove the run from the index: %w", err)
			}
		}
	}
	return nil
}
