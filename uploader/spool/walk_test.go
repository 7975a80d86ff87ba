//go:build linux

package spool_test

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"testing"
)

// openFiles is how many files this process has open.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(entries)
}

// TestWalkThatStopsAndGoesOn has more files than a walk reads at a time. Each that is there all the time is found once, whatever
// becomes of the others.
func TestWalkThatStopsAndGoesOn(t *testing.T) {
	const files = 1000
	s, dir := open(t)
	for i := range files {
		write(t, dir, fmt.Sprintf("d%d/f%d", i%2, i), "x")
	}
	before := openFiles(t)
	next, stop := iter.Pull(s.Walk("."))
	found := map[string]bool{}
	for {
		e, more := next()
		if !more {
			break
		}
		must(t, e.Err)
		if found[e.Path] {
			t.Errorf("%s is found twice", e.Path)
		}
		found[e.Path] = true
		// What has been found is removed, as a sidecar does that deletes what it has uploaded.
		must(t, os.Remove(filepath.Join(dir, e.Path)))
	}
	stop()
	if len(found) != files {
		t.Errorf("%d of %d files were found", len(found), files)
	}
	next, stop = iter.Pull(s.Walk("."))
	write(t, dir, "d0/last", "x")
	if _, more := next(); !more {
		t.Error("the file is not found")
	}
	stop()
	if after := openFiles(t); after != before {
		t.Errorf("%d files were open, and are %d", before, after)
	}
}

func TestWalkEndsWhenItIsTold(t *testing.T) {
	s, dir := open(t)
	for _, name := range []string{"a", "d/e/b", "d/c"} {
		write(t, dir, name, "x")
	}
	before, found := openFiles(t), 0
	for range s.Walk(".") {
		found++
		break
	}
	if after := openFiles(t); found != 1 || after != before {
		t.Errorf("%d found; %d files were open, and are %d", found, before, after)
	}
}
