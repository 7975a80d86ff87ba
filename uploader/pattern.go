package uploader

import (
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// Matches reports whether the file at a path in the spool is uploaded: a pattern of Include matches, and none of Exclude.
// In a pattern * stands for any text without a slash, ** for any directories, ? for one character, [a-z] for one of a
// class, {a,b} for alternatives. A pattern without a slash matches the name in every directory. What is below a directory that Enters
// leaves out is not uploaded.
func (c *Config) Matches(name string) bool {
	for at, r := range name {
		if r == '/' && !c.Enters(name[:at]) {
			return false
		}
	}
	return matchesAny(c.Include, name) && !matchesAny(c.Exclude, name)
}

// Enters reports whether the sidecar looks into the directory at a path in the spool. It does not where Exclude matches the
// directory or all that can be in it, nor into Reserved and LostAndFound.
func (c *Config) Enters(dir string) bool {
	if dir == Reserved || dir == LostAndFound {
		return false
	}
	return !slices.ContainsFunc(c.Exclude, func(pattern string) bool {
		return matches(pattern, dir) || strings.HasSuffix(pattern, "/**") && matches(strings.TrimSuffix(pattern, "/**"), dir)
	})
}

// LostAndFound is the directory at the root of an ext4 file system, for the file system's own use: root alone may read it.
const LostAndFound = "lost+found"

// matchesAny reports whether one of the patterns matches a path.
func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, name) })
}

// matches reports whether a pattern matches a path.
func matches(pattern, name string) bool {
	if !strings.Contains(pattern, "/") {
		name = path.Base(name)
	}
	return doublestar.MatchUnvalidated(pattern, name)
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
