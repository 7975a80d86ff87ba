package storetest

import (
	"os"
	"testing"
)

// TempDir returns a directory of a test, in memory where the system has such: flushing to a disk thousands of times is slow.
func TempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "lighterman-test-") //nolint:usetesting // It is not where t.TempDir is.
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
