package dirstore

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"

	"lighterman.dev/lighterman/uploader/objstore"
)

// List walks the directories of a prefix. Their order is not that of the keys: a/b comes behind a-b as a key.
func (s *Store) List(ctx context.Context, prefix string, limit int) iter.Seq2[objstore.Listed, error] {
	return objstore.CheckListing(prefix, limit, func(yield func(objstore.Listed, error) bool) {
		found, err := s.walkKeys(ctx, prefix)
		if err != nil {
			yield(objstore.Listed{}, classifyError(err))
			return
		}
		slices.SortFunc(found, func(a, b objstore.Listed) int { return strings.Compare(a.Key, b.Key) })
		for _, o := range found {
			if !yield(o, nil) {
				return
			}
		}
	})
}

func (s *Store) walkKeys(ctx context.Context, prefix string) (found []objstore.Listed, err error) {
	from := "."
	if dir := path.Dir(prefix); dir != "" {
		from = dir
	}
	err = fs.WalkDir(s.root.FS(), from, func(key string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case key == uploads:
			return fs.SkipDir
		case !entry.Type().IsRegular() || !strings.HasPrefix(key, prefix):
			return ctx.Err()
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // It was deleted meanwhile.
		} else if err != nil {
			return err
		}
		found = append(found, objstore.Listed{Key: key, Size: info.Size(), Modified: info.ModTime()})
		return ctx.Err()
	})
	return found, err
}
