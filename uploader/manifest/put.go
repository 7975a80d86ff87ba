package manifest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/objstore"
)

// Encode returns the manifest as JSON.
func (m *Manifest) Encode() ([]byte, error) {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the manifest: %w", err)
	}
	return append(text, '\n'), nil
}

// Written is what Put has written.
type Written struct {
	// SHA256 is that of the manifest's text, in hex.
	SHA256 string
	Size   int64
	// Sum is the checksum that was sent.
	Sum objstore.Sum
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
	if differ(stored.Sum, sum) {
		return Written{}, &objstore.Error{
			Class: objstore.Corrupt,
			Err:   fmt.Errorf("write the manifest: the store has %v, and %v was sent", stored.Sum, sum),
		}
	}
	written := Written{SHA256: fmt.Sprintf("%x", sha256.Sum256(text)), Size: body.Size, Sum: sum, At: stored.Modified}
	if written.At.IsZero() {
		written.At = time.Now()
	}
	return written, nil
}

// differ reports whether two checksums are of one kind, and of different contents.
func differ(a, b objstore.Sum) bool {
	none := objstore.Sum{}
	return a != none && b != none && a.Algorithm == b.Algorithm && a != b
}

// lookPause is the time between two looks at an object that was written. A store may show it late.
const lookPause = 500 * time.Millisecond

// Look compares the object at a key with what was written to it: its size, and its checksum where the store tells one, or its
// SHA-256. It looks a few times, for a store may show the object late.
func Look(ctx context.Context, store objstore.Objects, key string, size int64, sum objstore.Sum, sha string) error {
	var err error
	for range 5 {
		if err = look(ctx, store, key, size, sum, sha); err == nil {
			return nil
		}
		class := objstore.ClassOf(err)
		if class != objstore.NotFound && class != objstore.Corrupt {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(lookPause):
		}
	}
	return err
}

func look(ctx context.Context, store objstore.Objects, key string, size int64, sum objstore.Sum, sha string) error {
	stored, err := store.Stat(ctx, key)
	if err != nil {
		return fmt.Errorf("look at %s: %w", key, err)
	}
	f := File{Key: key, Size: size, SHA256: sha, Checksum: sum}
	if err := f.checkStored(stored); err != nil {
		return err
	}
	if stored.Sum.Algorithm == sum.Algorithm && sum != (objstore.Sum{}) {
		return nil
	}
	return f.checkContent(ctx, store)
}
