package examples_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pages are those of the documentation.
func pages(t *testing.T) []string {
	t.Helper()
	all := []string{"../README.md", "../CONTRIBUTING.md", "../CHANGELOG.md", "../charts/lighterman/README.md"}
	for _, root := range []string{"../docs", "."} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err == nil && filepath.Ext(path) == ".md" {
				all = append(all, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

var (
	link    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	fence   = regexp.MustCompile("(?s)```.*?```")
	// What GitHub leaves out of a heading's anchor.
	punctuation = regexp.MustCompile(`[^a-z0-9 _-]`)
)

// TestLinks follows every link of the documentation to a file of the project, and to the heading in it.
func TestLinks(t *testing.T) {
	anchors := map[string]map[string]bool{}
	for _, page := range pages(t) {
		text := fence.ReplaceAllString(string(read(t, page)), "")
		found := map[string]bool{}
		for _, h := range heading.FindAllStringSubmatch(text, -1) {
			found[anchor(h[1])] = true
		}
		anchors[absolute(t, page)] = found
	}
	for _, page := range pages(t) {
		text := fence.ReplaceAllString(string(read(t, page)), "")
		for _, l := range link.FindAllStringSubmatch(text, -1) {
			target, section, _ := strings.Cut(l[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := page
			if target != "" {
				file = filepath.Join(filepath.Dir(page), target)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: link %s: %v", page, l[1], err)
				continue
			}
			if section != "" && !anchors[absolute(t, file)][section] {
				t.Errorf("%s: link %s: %s has no such heading", page, l[1], file)
			}
		}
	}
}

// anchor is the anchor that GitHub gives a heading.
func anchor(heading string) string {
	text := link.ReplaceAllString(heading, "]")
	text = punctuation.ReplaceAllString(strings.ToLower(text), "")
	return strings.ReplaceAll(strings.TrimSpace(text), " ", "-")
}

// absolute makes paths comparable: pages of this folder are linked from outside it, too.
func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
