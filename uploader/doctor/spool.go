package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/spool"
)

// maxSpoolFiles bounds how many files of the spool are looked at.
const maxSpoolFiles = 10_000

// checkSpool opens the spool as the sidecar does, and looks whether the kernel tells who has its files open.
func checkSpool(_ context.Context, e *examination) (string, error) {
	if e.Config.Spool == "" {
		return "", errNotApplicable
	}
	s, err := spool.Open(e.Config.Spool)
	if errors.Is(err, fs.ErrNotExist) {
		return "", errNotApplicable // This pod has none.
	}
	if err != nil {
		return "", newError(objstore.Misconfigured, "look at spec.uploader.path, and at the volume that is mounted there", "%w", err)
	}
	defer s.Close()
	s.Enters = e.Config.Enters
	files := 0
	for entry := range s.Walk(".") {
		if entry.Err != nil && !errors.Is(entry.Err, spool.ErrNotRegular) {
			return "", newError(objstore.Misconfigured, "let the uploader read the directory, or leave it out with spec.uploader.exclude",
				"%q: %w", entry.Path, entry.Err)
		}
		if files++; files > maxSpoolFiles {
			break
		}
		if why := s.WhyUnknown(entry.Owner.User); entry.Err == nil && why != nil && e.Config.Matches(entry.Path) {
			return "", newError(objstore.Misconfigured, why.Cure,
				"%q waits for the end of the containers: %s", entry.Path, why.Reason)
		}
	}
	return fmt.Sprintf("%s, %d files looked at as user %d", e.Config.Spool, min(files, maxSpoolFiles), os.Geteuid()), nil
}
