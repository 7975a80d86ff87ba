//go:build linux

package spool_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader/spool"
)

func watch(t *testing.T) (events chan spool.Event, dir string) {
	t.Helper()
	s, dir := open(t)
	write(t, dir, "before/file", "x")
	w, err := s.Watch()
	must(t, err)
	events = make(chan spool.Event, 1000)
	done := make(chan error)
	go func() { done <- w.Run(func(e spool.Event) { events <- e }) }()
	t.Cleanup(func() {
		must(t, w.Close())
		must(t, <-done)
	})
	return events, dir
}

// expect waits for an event, and passes over those that may come besides.
func expect(t *testing.T, events chan spool.Event, want spool.Event) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case got := <-events:
			if got == want {
				return
			}
		case <-deadline:
			t.Fatalf("%+v did not come", want)
		}
	}
}

func TestWatch(t *testing.T) {
	events, dir := watch(t)
	at := func(name string) string { return filepath.Join(dir, name) }

	write(t, dir, "a", "x")
	expect(t, events, spool.Event{Path: "a", Closed: true})
	write(t, dir, "before/b", "x")
	expect(t, events, spool.Event{Path: "before/b", Closed: true})

	must(t, os.Rename(at("a"), at("before/c")))
	expect(t, events, spool.Event{Path: "before/c", Closed: true})
	must(t, os.Link(at("before/c"), at("linked")))
	expect(t, events, spool.Event{Path: "linked"})

	// A new directory, and one that is moved in with what it holds.
	must(t, os.Mkdir(at("new"), 0o755))
	expect(t, events, spool.Event{Walk: true})
	outside := t.TempDir()
	write(t, outside, "d/e", "x")
	if err := os.Rename(filepath.Join(outside, "d"), at("d")); err != nil {
		t.Fatal(err)
	}
	expect(t, events, spool.Event{Walk: true})
	write(t, dir, "d/f", "x")
	expect(t, events, spool.Event{Path: "d/f", Closed: true})

	// A directory that is renamed reports its files by the new name.
	must(t, os.Rename(at("d"), at("g")))
	expect(t, events, spool.Event{Walk: true})
	write(t, dir, "g/h", "x")
	expect(t, events, spool.Event{Path: "g/h", Closed: true})
}

func TestWatchTellsWhenTheWriterCloses(t *testing.T) {
	events, dir := watch(t)
	f, err := os.Create(filepath.Join(dir, "file"))
	must(t, err)
	expect(t, events, spool.Event{Path: "file"}) // It was made.
	for range 100 {
		_, err := f.WriteString("more")
		must(t, err)
	}
	if len(events) > 0 {
		t.Errorf("while it is written: %+v", <-events)
	}
	must(t, f.Close())
	expect(t, events, spool.Event{Path: "file", Closed: true})
}
