package manifest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"lighterman.dev/lighterman/uploader/objstore"
)

// Verify returns an error if a file of the manifest is not in the store with its version, size and checksum. If content
// is set, Verify also reads the object and compares its SHA-256.
func Verify(ctx context.Context, store objstore.Store, file *File, content bool) error {
	stored, err := store.Stat(ctx, file.Key)
	if err != nil {
		return fmt.Errorf("look at %s: %w", file.Key, err)
	}
	newest := stored.Version == file.Version
	if newest {
		if err := file.checkStored(stored); err != nil {
			return err
		}
	}
	if !newest || content {
		// A newer version was written: compare the one that the manifest names.
		if err := file.checkContent(ctx, store); err != nil {
			return err
		}
	}
	return nil
}

// checkStored compares size and checksum, as the store describes the object.
func (f *File) checkStored(stored objstore.Stored) error {
	var differences []string
	if stored.Size != f.Size {
		differences = append(differences, fmt.Sprintf("it has %d bytes, and %d were stored", stored.Size, f.Size))
	}
	none := objstore.Sum{}
	bothKnown := stored.Sum != none && f.Checksum != none && stored.Sum.Algorithm == f.Checksum.Algorithm
	if bothKnown && stored.Sum != f.Checksum {
		differences = append(differences, fmt.Sprintf("its %s is %s, and %s was stored",
			stored.Sum.Algorithm, stored.Sum.Value, f.Checksum.Value))
	}
	return f.corruptError(differences)
}

// checkContent reads the object, and compares size and SHA-256.
func (f *File) checkContent(ctx context.Context, store objstore.Store) error {
	r, err := store.Open(ctx, f.Key, f.Version)
	if err != nil {
		return fmt.Errorf("read %s: %w", f.Key, err)
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		return fmt.Errorf("read %s: %w", f.Key, err)
	}
	var differences []string
	if n != f.Size {
		differences = append(differences, fmt.Sprintf("%d bytes are read, and %d were stored", n, f.Size))
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != f.SHA256 {
		differences = append(differences, fmt.Sprintf("its SHA-256 is %s, and %s was stored", sum, f.SHA256))
	}
	return f.corruptError(differences)
}

// corruptError returns an error with the differences; nil: there are none.
func (f *File) corruptError(differences []string) error {
	if len(differences) == 0 {
		return nil
	}
	return &objstore.Error{
		Class: objstore.Corrupt, Err: fmt.Errorf("%s is not what was stored: %s", f.Key, strings.Join(differences, "; ")),
		Cure: "restore the object from another copy, and find out who wrote it",
	}
}
