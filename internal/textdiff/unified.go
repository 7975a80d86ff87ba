package textdiff

import (
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// Unified returns the unified diff of two texts, with three lines of context. It is empty where they are equal.
func Unified(beforeName, before, afterName, after string) string {
	text := diff.Diff(beforeName, []byte(before), afterName, []byte(after))
	// The first line repeats the names, as "diff before after", for which patch and git have no use.
	_, hunks, _ := strings.Cut(string(text), "\n")
	return hunks
}
