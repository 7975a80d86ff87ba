package transfer

import (
	"context"
	"maps"

	"lighterman.dev/lighterman/uploader/objstore"
)

// uncached is the size from which on a file is not kept in the page cache after it was sent.
const uncached = 64 << 20

// prepare chooses the size of parts, or takes up what an earlier attempt has begun.
func (t *transfer) prepare(ctx context.Context, growing bool) error {
	t.parts = &parts{have: map[int]objstore.Part{}, counted: map[int]int64{}}
	if u, ok := t.Journal.Upload(t.path); ok {
		if u.Key == t.object.Key {
			t.id, t.partSize, t.parts.have = u.ID, u.PartSize, maps.Clone(u.Parts)
			return nil
		}
		if err := t.Abort(ctx, t.path); err != nil {
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
	t.partSize = partSize(t.Store.Limits(), t.PartSize, longest)
	// A file that was followed is read once more in the end.
	t.drop = !growing && state.Size >= uncached
	return nil
}

// partSize is the size of all parts but the last, of a file of a size.
func partSize(l objstore.Limits, wanted, size int64) int64 {
	n := max(wanted, l.MinPart, (size+int64(l.MaxParts)-1)/int64(l.MaxParts))
	if l.Align > 0 {
		n = (n + l.Align - 1) / l.Align * l.Align
	}
	return min(n, l.MaxPart)
}
