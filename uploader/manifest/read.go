package manifest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"unicode"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
)

// Load reads a manifest from a store. Without one it returns an error of class NotFound.
func Load(ctx context.Context, store objstore.Objects, key string) (*Manifest, error) {
	m, err := load(ctx, store, key, nil)
	if err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	if err := m.check(key); err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	return m, nil
}

func load(ctx context.Context, store objstore.Objects, key string, visit func(*File) bool) (*Manifest, error) {
	r, err := store.Open(ctx, key, "")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return decode(r, visit)
}

// check returns an error if the manifest is not what the uploader writes at a key: it would lead elsewhere.
func (m *Manifest) check(key string) error {
	if m.Key != key {
		return fmt.Errorf("it is the manifest of the key %q: read it there", m.Key)
	}
	base, reserved, ok := places(key)
	if !ok {
		return fmt.Errorf("no uploader writes one at %q", key)
	}
	for i := range m.Segments {
		s := &m.Segments[i]
		if !strings.HasPrefix(s.Key, reserved) || s.Key == key || strings.ContainsFunc(s.Key, unicode.IsControl) {
			return fmt.Errorf("its segment %q is not below %s", s.Key, reserved)
		}
		if s.Entries < 0 || s.Entries > MaxEntries || s.Bytes < 0 {
			return fmt.Errorf("its segment %q has %d files", s.Key, s.Entries)
		}
	}
	for i := range m.Files {
		if err := m.Files[i].check(base); err != nil {
			return err
		}
	}
	return nil
}

// places returns the prefix of the keys of a run, and that of what the uploader keeps for itself, by its manifest's key.
func places(key string) (base, reserved string, ok bool) {
	before, name, _ := strings.CutLast(key, "/")
	before, _, ok = strings.CutLast(before, "/")
	if before != uploader.Reserved && !strings.HasSuffix(before, "/"+uploader.Reserved) || !ok || name == "" {
		return "", "", false
	}
	return strings.TrimSuffix(before, uploader.Reserved), strings.TrimSuffix(key, name), true
}

// check returns an error if a file cannot be one of the run whose keys begin with a prefix.
func (f *File) check(prefix string) error {
	isControl := func(text string) bool { return strings.ContainsFunc(text, unicode.IsControl) }
	switch {
	case !fs.ValidPath(f.Path) || f.Path == "." || isControl(f.Path):
		return fmt.Errorf("it lists the path %q, which no file has", f.Path)
	case !strings.HasPrefix(f.Key, prefix) || isControl(f.Key) || f.Key == prefix:
		return fmt.Errorf("it lists the key %q, which is not below %q", f.Key, prefix)
	case f.Size < 0:
		return fmt.Errorf("it lists %q with %d bytes", f.Path, f.Size)
	}
	return nil
}

// maxReplaced bounds the files that were stored more than once and are remembered.
const maxReplaced = 1_000_000

// All returns the files of the run, in the order of the manifest, each with its newest content. It reads the segments one
// after the other. An error ends it: then the files before it are not all.
func (m *Manifest) All(ctx context.Context, store objstore.Objects) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		stopped := false
		visit := func(f *File) bool {
			stopped = stopped || !yield(*f, nil)
			return !stopped
		}
		if err := m.each(ctx, store, visit); err != nil && !stopped {
			yield(File{}, err)
		}
	}
}

// each calls visit with each file, until it returns false. It returns an error if they are not those that the manifest counts.
func (m *Manifest) each(ctx context.Context, store objstore.Objects, visit func(*File) bool) error {
	base, _, ok := places(m.Key)
	if !ok {
		return fmt.Errorf("read the manifest: no uploader writes one at %q", m.Key)
	}
	newest, err := m.findReplaced(ctx, store)
	if err != nil {
		return err
	}
	var seen Totals
	var invalid error
	stopped := false
	emit := func(f *File) bool {
		if invalid = f.check(base); invalid != nil {
			return false
		}
		seen.Files++
		seen.Bytes += f.Size
		stopped = !visit(f)
		return !stopped
	}
	if m.earlierFormat {
		_, err = load(ctx, store, m.Key, emit)
		if errors.Is(err, errStopped) {
			err = nil
		}
	} else {
		err = m.eachListed(ctx, store, newest, emit)
	}
	switch {
	case err != nil || invalid != nil:
		return errors.Join(err, invalid)
	case !stopped && seen != m.Totals:
		return fmt.Errorf("read the manifest: it lists %d files with %d bytes, and counts %d with %d",
			seen.Files, seen.Bytes, m.Totals.Files, m.Totals.Bytes)
	}
	return nil
}

// eachListed calls emit with the newest content of each file, until it returns false.
func (m *Manifest) eachListed(
	ctx context.Context, store objstore.Objects, newest map[string]int, emit func(*File) bool,
) error {
	goOn := true
	for i := range m.Segments {
		err := ReadSegment(ctx, store, &m.Segments[i], func(f *Listed) bool {
			if at, replaced := newest[f.Path]; !replaced || at == i {
				goOn = emit(&f.File)
			}
			return goOn
		})
		if err != nil || !goOn {
			return err
		}
	}
	for i := range m.Files {
		if !emit(&m.Files[i]) {
			return nil
		}
	}
	return nil
}

// findReplaced returns where the newest content of the files is listed that are listed more than once: the number of a
// segment, or of all where the manifest itself lists them.
func (m *Manifest) findReplaced(ctx context.Context, store objstore.Objects) (map[string]int, error) {
	listed := len(m.Files)
	for _, s := range m.Segments {
		listed += s.Entries
	}
	if len(m.Segments) == 0 || listed <= m.Totals.Files {
		return nil, nil
	}
	newest := map[string]int{}
	for i := range m.Segments {
		err := ReadSegment(ctx, store, &m.Segments[i], func(f *Listed) bool {
			if f.Replaces {
				newest[f.Path] = i
			}
			return len(newest) <= maxReplaced
		})
		if err != nil {
			return nil, err
		}
		if len(newest) > maxReplaced {
			return nil, fmt.Errorf("read the manifest: more than %d files are listed twice", maxReplaced)
		}
	}
	for i := range m.Files {
		newest[m.Files[i].Path] = len(m.Segments)
	}
	return newest, nil
}
