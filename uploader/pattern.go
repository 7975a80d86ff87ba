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

// temporarySuffixes end the names of files and directories that programs have not finished: .part is etcd's
// (etcdutl snapshot save), .partial that of rclone, pg_receivewal and mydumper, .dumping MySQL Shell's
// (modules/util/dump/dumper.cc).
var temporarySuffixes = []string{"~", ".tmp", ".temp", ".part", ".partial", ".dumping", ".swp", ".lock"}

// temporaryInfix is followed by more of a name, behind one of temporarySeparators: Prometheus builds a block as
// 01H….tmp-for-creation and removes it as 01H….tmp-for-deletion (tsdb/db.go); other programs add a number.
const (
	temporaryInfix      = ".tmp"
	temporarySeparators = "-._"
)

// IsTemporary reports whether a path looks like that of a file that its writer will rename or remove: it has a name, of the
// file or of a directory, that begins with a dot or looks like those of what is unfinished. The sidecar leaves such a file
// alone until the containers have ended, and then uploads it as any other.
func IsTemporary(path string) bool {
	for name := range strings.SplitSeq(path, "/") {
		if isTemporaryName(name) {
			return true
		}
	}
	return false
}

func isTemporaryName(name string) bool {
	if strings.HasPrefix(name, ".") {
		return true
	}
	// Redis and Valkey write a snapshot as temp-<process>.rdb (rdb.c, rdbSave).
	if strings.HasPrefix(name, "temp-") && strings.HasSuffix(name, ".rdb") {
		return true
	}
	_, rest, found := strings.Cut(name, temporaryInfix)
	if found && rest != "" && strings.Contains(temporarySeparators, rest[:1]) {
		return true
	}
	return slices.ContainsFunc(temporarySuffixes, func(end string) bool { return strings.HasSuffix(name, end) })
}
