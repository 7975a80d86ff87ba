package index

import (
	"errors"
	"fmt"
	"log/slog"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
)

// Series is the runs of one workload, in a store.
type Series struct {
	Store objstore.Store
	// Prefix begins the keys of the index; it has no slash at either end. See Prefix.
	Prefix          string
	Namespace, Name string
	Log             *slog.Logger
}

// Prefix returns the beginning of the keys of the index, for a Config's prefix: all runs of a series share one index, so what
// stands behind the name of a pod is left out, and that name.
func Prefix(configured string) string {
	before, _, found := strings.Cut(configured, uploader.PodPlaceholder)
	if !found {
		return configured
	}
	return before[:max(0, strings.LastIndexByte(before, '/'))]
}

// folder returns the beginning of the keys of a state's entries.
func (s *Series) folder(state manifest.State) string {
	return path.Join(
		s.Prefix, uploader.Reserved, "runs", escapeElement(s.Namespace), escapeElement(s.Name), string(state),
	) + "/"
}

// escapeElement returns a name as one element of a key.
func escapeElement(name string) string { return strings.ReplaceAll(uploader.Escape(name), "/", "%2F") }

// turned is the time that has the turned time zero, in the year 2286.
const turned = 9_999_999_999

// key returns the key of the entry of a run that ended at a time.
func (s *Series) key(state manifest.State, at time.Time, run string) (string, error) {
	seconds := turned - at.Unix()
	if seconds < 0 || seconds > turned {
		return "", fmt.Errorf("write the run to the index: the time %s has no key", at.Format(time.RFC3339))
	}
	key := fmt.Sprintf("%s%010d-%s.json", s.folder(state), seconds, escapeElement(run))
	if len(key) > uploader.MaxKey {
		return "", fmt.Errorf("write the run to the index: its key has %d bytes, and %d is the most: shorten the prefix",
			len(key), uploader.MaxKey)
	}
	return key, nil
}

var entryName = regexp.MustCompile(`^([0-9]{10})-([^/]+)\.json$`)

// parseName returns the time in the last element of an entry's key, and the run, escaped.
func parseName(name string) (at time.Time, run string, err error) {
	match := entryName.FindStringSubmatch(name)
	if match == nil {
		return time.Time{}, "", errors.New("it is no key of an entry")
	}
	seconds, err := strconv.ParseInt(match[1], 10, 64)
	if err != nil {
		return time.Time{}, "", err
	}
	return time.Unix(turned-seconds, 0).UTC(), match[2], nil
}
