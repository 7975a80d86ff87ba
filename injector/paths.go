package injector

import (
	"path"
	"strings"
)

// isWithin reports whether a clean path is dir, or lies below it.
func isWithin(where, dir string) bool { return where == dir || strings.HasPrefix(where, dir+"/") }

// cleanPath makes mount paths comparable, those of Windows pods included.
func cleanPath(p string) string {
	if len(p) > 1 && p[1] == ':' {
		p = p[2:]
	}
	if strings.ContainsRune(p, '\\') {
		p = strings.ReplaceAll(p, `\`, "/")
	}
	return path.Clean(p)
}
