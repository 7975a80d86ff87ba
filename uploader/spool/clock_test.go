//go:build linux

package spool_test

import (
	"testing"

	"lighterman.dev/lighterman/uploader/spool"
)

// TestNodeClock looks at a directory of the kernel's own, whose times are not those of files, and at one of tests.
func TestNodeClock(t *testing.T) {
	for dir, want := range map[string]bool{"/proc": false, "/dev/shm": true} {
		s, err := spool.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.HasNodeClock(); err != nil || got != want {
			t.Errorf("%s: %v, %v", dir, got, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
