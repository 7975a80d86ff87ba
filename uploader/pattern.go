package uploader

import (
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// Matches reports whether the file at a path in the spool is uploaded: a pattern of Include matches, and none of Exclude.
// In a pattern * stands for any text without a slash, ** for any directories, ? for one character, [a-z] for one of a
// class, {a,b} for alternatives. A pattern without a slash matches the name in every directory.
func (c *Config) Matches(name string) bool {
	if first, _, _ := strings.Cut(name, "/"); first == Reserved {
		return false
	}
	matches := func(pattern string) bool {
		subject := name
		if !strings.Contains(pattern, "/") {
			subject = path.Base(name)
		}
		return doublestar.MatchUnvalidated(pattern, subject)
	}
	return slices.ContainsFunc(c.Include, matches) && !slices.ContainsFunc(c.Exclude, matches)
}

// temporarySuffixes end the names of files that programs have not finished.
var temporarySuffixes = []string{"~", ".tmp", ".temp", ".part", ".partial", ".swp", ".lock"}

// IsTemporary reports whether a path looks like that of a file that its writer will rename or remove: a name in it begins
// with a dot, or it ends like the names of unfinished files. The sidecar leaves such a file alone until the containers have ended,
// and then uploads it as any other.
func IsTemporary(name string) bool {
	if strings.HasPrefix(name, ".") || strings.Contains(name, "/.") {
		return true
	}
	return slices.ContainsFunc(temporarySuffixes, func(end string) bool { return strings.HasSuffix(name, end) })
}
