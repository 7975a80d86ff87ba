package tools

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

func TestOnceBuildsOnce(t *testing.T) {
	b := &Builder{Cache: t.TempDir()}
	dir := filepath.Join(b.Cache, "tools", "tool@v1")
	var built atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			err := b.Once(dir, "tool", func(temp string) error {
				built.Add(1)
				return os.WriteFile(filepath.Join(temp, "tool"), nil, 0o755)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := built.Load(); n != 1 {
		t.Errorf("built %d times", n)
	}
	if _, err := os.Stat(filepath.Join(dir, "tool")); err != nil {
		t.Error(err)
	}
}

func TestOnceLeavesNothingHalf(t *testing.T) {
	b := &Builder{Cache: t.TempDir()}
	dir := filepath.Join(b.Cache, "tools", "tool@v1")
	// What a build that was killed leaves.
	leftover := filepath.Join(b.Cache, "tools", ".building-tool", "half")
	if err := os.MkdirAll(leftover, 0o755); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("compiler says no")
	if err := b.Once(dir, "tool", func(string) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a failed build left %s", dir)
	}
	if err := b.Once(dir, "tool", func(temp string) error {
		entries, err := os.ReadDir(temp)
		if len(entries) != 0 {
			t.Errorf("build starts with %v", entries)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
}
