package sidecar_test

import (
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader/objstore"
)

// heapInUse returns the bytes of the heap that are needed.
func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestMemoryOfManyFiles: a durable file costs its place in the journal's table, and nothing else. The bound, of 8 MiB in
// all, has room for the files that are tracked at a time; a sidecar that remembers each file takes five times as much.
func TestMemoryOfManyFiles(t *testing.T) {
	h := newHarness(t, nil)
	h.options.Log = slog.New(slog.DiscardHandler)
	var sent atomic.Int64
	h.fault.set(func(call, key string) error {
		if call == "Put" && strings.HasSuffix(key, "_fsm") {
			sent.Add(1)
		}
		return nil
	})
	h.ready()
	before := heapInUse()
	const files = 20_000
	for n := range files {
		h.write(fmt.Sprintf("base/%d/%07d_fsm", 16384+n/1000, n), "x")
	}
	// What the watch has missed is found by walks, which take a twentieth of the time: on a busy machine that is long.
	for deadline := time.Now().Add(5 * time.Minute); sent.Load() < files; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d files are sent", sent.Load(), files)
		}
	}
	perFile := (heapInUse() - before) / files
	t.Logf("%d bytes for each file", perFile)
	if perFile > 400 {
		t.Errorf("the sidecar holds %d bytes for each durable file", perFile)
	}
	h.must(h.end())
	if m, sizes := h.contents(); m.Totals.Files != files || len(sizes) != files {
		t.Errorf("the manifest lists %d files, and counts %d", len(sizes), m.Totals.Files)
	}
}

// TestMoreFilesThanAreTracked: files that wait for the end of the containers are found again in the end.
func TestMoreFilesThanAreTracked(t *testing.T) {
	h := newHarness(t, nil)
	h.options.Log = slog.New(slog.DiscardHandler)
	const files = 6000
	for n := range files {
		h.write(fmt.Sprintf("%05d.tmp", n), "x")
	}
	h.write("ready", "yes")
	h.ready()
	h.stored("ready", "yes") // Those that wait do not hold it up.
	h.must(h.end())
	if _, sizes := h.contents(); len(sizes) != files+1 {
		t.Errorf("the manifest lists %d files", len(sizes))
	}
}

// TestMoreFailuresThanAreTracked: every file that cannot be stored is counted, and the first are named.
func TestMoreFailuresThanAreTracked(t *testing.T) {
	h := newHarness(t, nil)
	h.options.Log = slog.New(slog.DiscardHandler)
	for n := range 6000 {
		name := fmt.Sprintf("%05d", n)
		h.write(name, "x")
		_, err := h.store.Put(h.Context(), &objstore.Object{Key: "payments/pg/" + name},
			objstore.Body{ReaderAt: strings.NewReader("another"), Size: 7})
		h.must(err)
	}
	h.write("zzz", "good")
	h.ready()
	err := h.end()
	if err == nil || !strings.Contains(err.Error(), "6000 of 6001 files not stored: 0") ||
		!strings.Contains(err.Error(), "and 5995 more") {
		t.Errorf("got %v", err)
	}
	if h.object("zzz") != "good" {
		t.Error("the file that can be stored is not")
	}
}
