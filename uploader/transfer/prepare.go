package transfer

import (
	"context"
	"maps"

	"lighterman.dev/lighterman/uploader/objstore"
)

// dropCacheFrom is the size from which on a file is not kept in the page cache after it was sent.
const dropCacheFrom = 64 << 20

// prepareUpload chooses the size of parts, or takes up what an earlier attempt has begun.
func (t *transfer) prepareUpload(ctx context.Context, growing bool) error {
	t.parts = &parts{stored: map[int]objstore.Part{}, reported: map[int]int64{}}
	if u, ok := t.Journal.Upload(t.path); ok {
		if u.Key == t.object.Key {
			t.id, t.partSize, t.parts.stored = u.ID, u.PartSize, maps.Clone(u.Parts)
			return nil
		}
		if err := t.AbortFile(ctx, t.path); err != nil {
			return err
		}
	}
	state, err := t.file.State()
	if err != nil {
		return err
	}
	longest := state.Size
	if growing {
		// Nobody knows how long it will be, but it cannot be longer than its file system.
		if longest, err = t.Spool.Capacity(); err != nil {
			return err
		}
	}
	t.partSize = choosePartSize(t.Store.Limits(), t.PartSize, longest)
	// A file that was followed is read once more in the end.
	t.dropCache = !growing && state.Size >= dropCacheFrom
	return nil
}

// choosePartSize is the size of all parts but the last, of a file of a size.
func choosePartSize(l objstore.Limits, configured, size int64) int64 {
	n := max(configured, l.MinPart, (size+int64(l.MaxParts)-1)/int64(l.MaxParts))
	if l.Align > 0 {
		n = (n + l.Align - 1) / l.Align * l.Align
	}
	return min(n, l.MaxPart)
}
