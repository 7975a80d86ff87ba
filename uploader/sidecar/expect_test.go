package sidecar_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/index"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transfer"
)

// expecting returns a configuration with bounds, in a series.
func expecting(e uploader.Expect, completion uploader.Completion) func(*uploader.Config) {
	return func(c *uploader.Config) { c.Expect, c.Series, c.Completion = &e, "orders", completion }
}

// series is that of the runs of a harness.
func (h *harness) series() *index.Series {
	return &index.Series{Store: h.store, Namespace: pod.Namespace, Name: "orders", Log: slog.New(slog.DiscardHandler)}
}

// earlierRun writes a run of another pod to the index.
func (h *harness) earlierRun(uid string, state manifest.State, bytes int64, age time.Duration) {
	h.Helper()
	at := time.Now().Add(-age)
	_, err := h.series().Put(h.Context(), &index.Entry{
		Format: index.Format, Run: uid, Pod: "p", Namespace: pod.Namespace, Series: "orders", State: state, Written: at.UTC(),
		Files: 1, Bytes: bytes, Manifest: "m", ManifestSHA256: strings.Repeat("00", 32),
	}, at, objstore.Object{})
	h.must(err)
}

// newestRun is that of the index; nil: there is none.
func (h *harness) newestRun(state manifest.State) *index.Entry {
	h.Helper()
	e, err := h.series().Newest(h.Context(), state, "")
	if errors.Is(err, index.ErrNone) {
		return nil
	}
	h.must(err)
	return e
}

// endWrapped lets a wrapped command end with 0, and then the pod.
func (h *harness) endWrapped() error {
	h.Helper()
	end := h.session("main")
	verdict := h.finish("main")
	end()
	if err := h.end(); (err == nil) != (verdict.Error == "") {
		h.Errorf("the command is told %q, and the drain ends with %v", verdict.Error, err)
	}
	if verdict.Error != "" {
		return errors.New(verdict.Error)
	}
	return nil
}

// ends are the ways in which a run ends, with the state of one that is as expected.
var ends = map[uploader.Completion]struct {
	state manifest.State
	end   func(*harness) error
}{
	uploader.Drain: {manifest.Drained, (*harness).end},
	uploader.Wrap:  {manifest.Complete, (*harness).endWrapped},
}

func TestRunThatIsNotExpected(t *testing.T) {
	none, two := int64(0), int64(2)
	for name, test := range map[string]struct {
		expect  uploader.Expect
		files   map[string]string
		earlier int64 // bytes
		want    string
	}{
		"no file":                 {uploader.Expect{}, nil, 0, "it has 0 files, and uploader.expect.minFiles is 1: 1 too few; the sidecar looked for files below /"},
		"no file, which may be":   {uploader.Expect{MinFiles: &none}, nil, 0, ""},
		"too few files":           {uploader.Expect{MinFiles: &two}, map[string]string{"a": "text"}, 0, "minFiles is 2: 1 too few"},
		"too few bytes":           {uploader.Expect{MinBytes: 5}, map[string]string{"a": "text"}, 0, "minBytes is 5: 1 too few"},
		"enough":                  {uploader.Expect{MinFiles: &two, MinBytes: 5}, map[string]string{"a": "text", "b": "x"}, 0, ""},
		"shrunk by more":          {uploader.Expect{MaxShrinkPercent: 50}, map[string]string{"a": "text"}, 9, "maxShrinkPercent is 50, of the 9 bytes of the run earlier"},
		"shrunk by as much":       {uploader.Expect{MaxShrinkPercent: 50}, map[string]string{"a": "text"}, 8, ""},
		"the first of its series": {uploader.Expect{MaxShrinkPercent: 50}, map[string]string{"a": "text"}, 0, ""},
	} {
		for completion, run := range ends {
			t.Run(name+"/"+string(completion), func(t *testing.T) {
				h := newHarness(t, expecting(test.expect, completion))
				if test.earlier > 0 {
					h.earlierRun("earlier", run.state, test.earlier, time.Hour)
				}
				h.ready()
				for file, text := range test.files {
					h.write(file, text)
				}
				err := run.end(h)
				if (err == nil) != (test.want == "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
					t.Errorf("got %v, want %q", err, test.want)
				}
				wantState := run.state
				if test.want != "" {
					wantState = manifest.Open
				}
				if m := h.manifest(); (m == nil && wantState != manifest.Open) || (m != nil && m.State != wantState) {
					t.Errorf("the manifest is %+v, want one that is %s", m, wantState)
				}
				if e := h.newestRun(run.state); (e != nil && e.Run == pod.UID) != (test.want == "") {
					t.Errorf("the newest run is %+v", e)
				}
			})
		}
	}
}

// TestIndexNamesTheRun compares the entry of a run with its manifest.
func TestIndexNamesTheRun(t *testing.T) {
	for completion, run := range ends {
		t.Run(string(completion), func(t *testing.T) {
			h := newHarness(t, func(c *uploader.Config) {
				expecting(uploader.Expect{MaxShrinkPercent: 10}, completion)(c)
				c.ObjectLock, c.Profile = &uploader.ObjectLock{Mode: "Governance", Days: 3}, "CredentialProfile b"
			})
			h.ready()
			h.write("a", "text")
			h.must(run.end(h))
			m, e := h.manifest(), h.newestRun(run.state)
			if m == nil || e == nil {
				t.Fatalf("got the manifest %+v and the entry %+v", m, e)
			}
			text := h.object(strings.TrimPrefix(manifestKey, "payments/pg/"))
			if e.ManifestSHA256 != fmt.Sprintf("%x", sha256.Sum256([]byte(text))) || e.Manifest != manifestKey || e.Run != pod.UID ||
				e.Pod != pod.Name || e.Files != 1 || e.Bytes != 4 || e.Profile != m.Profile || !e.Written.Equal(m.Written) {
				t.Errorf("the manifest is %s, and the entry %+v", text, e)
			}
			if !strings.Contains(h.logs.text(), "first run of series") {
				t.Error("the log does not say that the size is compared with none")
			}
		})
	}
}

// TestIndexThatCannotBeRead has a bound that needs the index. In the middle it is no longer readable.
func TestIndexThatCannotBeRead(t *testing.T) {
	defer restoreLimits(objstore.Denied, 100*time.Millisecond)()
	deny := func(call, _ string) error {
		if call == "List" {
			return storeError(objstore.Denied)
		}
		return nil
	}
	for completion, run := range ends {
		t.Run("at the start/"+string(completion), func(t *testing.T) {
			h := newHarness(t, expecting(uploader.Expect{MaxShrinkPercent: 10}, completion))
			h.fault.set(deny)
			h.start()
			if err := h.ended(); err == nil || objstore.ClassOf(err) != objstore.Denied ||
				!strings.Contains(err.Error(), "maxShrinkPercent needs the last complete run") {
				t.Errorf("got %v", err)
			}
		})
		t.Run("later/"+string(completion), func(t *testing.T) {
			h := newHarness(t, expecting(uploader.Expect{MaxShrinkPercent: 10}, completion))
			h.ready()
			h.fault.set(deny)
			h.write("a", "text")
			err := run.end(h)
			if err == nil || !strings.Contains(err.Error(), "maxShrinkPercent is 10, and the last complete run is not known") {
				t.Errorf("got %v", err)
			}
			if m := h.manifest(); m != nil && m.State != manifest.Open {
				t.Errorf("the manifest is %s", m.State)
			}
		})
		t.Run("and no bound needs it/"+string(completion), func(t *testing.T) {
			h := newHarness(t, expecting(uploader.Expect{}, completion))
			h.fault.set(deny)
			h.ready()
			h.write("a", "text")
			h.must(run.end(h))
		})
	}
}

// TestRunWithoutSeries has a bound that nothing can be compared with.
func TestRunWithoutSeries(t *testing.T) {
	h := newHarness(t, func(c *uploader.Config) { c.Expect = &uploader.Expect{MaxShrinkPercent: 10} })
	h.start()
	if err := h.ended(); err == nil || !strings.Contains(err.Error(), "belongs to no series") {
		t.Errorf("got %v", err)
	}
}

// TestIndexThatCannotBeWritten has a store that takes everything but the entry: the run is whole, and nobody would find it.
func TestIndexThatCannotBeWritten(t *testing.T) {
	defer restoreLimits(objstore.Denied, 100*time.Millisecond)()
	for completion, run := range ends {
		t.Run(string(completion), func(t *testing.T) {
			h := newHarness(t, expecting(uploader.Expect{}, completion))
			h.ready()
			h.fault.set(func(call, key string) error {
				if call == "Put" && strings.HasPrefix(key, ".lighterman/runs/") {
					return storeError(objstore.Denied)
				}
				return nil
			})
			h.write("a", "text")
			if err := run.end(h); err == nil || !strings.Contains(err.Error(), "the index of runs does not name the run") {
				t.Errorf("got %v", err)
			}
			if m := h.manifest(); m == nil || m.State != run.state || h.names() != "a" {
				t.Errorf("the manifest is %+v", m)
			}
		})
	}
}

// restoreLimits makes retries of a class shorter, and returns what undoes that.
func restoreLimits(class objstore.Class, limit time.Duration) func() {
	before := transfer.DefaultLimits[class]
	transfer.DefaultLimits[class] = limit
	return func() { transfer.DefaultLimits[class] = before }
}

// TestRunThatIsTakenBackIsNotInTheIndex has a command that begins again after its run was complete, also where the sidecar was killed
// meanwhile: nobody may find the run any more.
func TestRunThatIsTakenBackIsNotInTheIndex(t *testing.T) {
	for name, test := range map[string]struct{ restart, denied bool }{
		"by the same process": {}, "by the next process": {restart: true}, "without leave to delete": {denied: true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, expecting(uploader.Expect{}, uploader.Wrap))
			h.earlierRun("earlier", manifest.Complete, 1, time.Hour)
			h.ready()
			h.write("a", "text")
			end := h.session("main")
			if verdict := h.finish("main"); verdict.Error != "" {
				t.Fatal(verdict.Error)
			}
			end()
			if e := h.newestRun(manifest.Complete); e == nil || e.Run != pod.UID {
				t.Fatalf("the newest run is %+v", e)
			}
			if test.denied {
				h.fault.set(func(call, _ string) error {
					if call == "Delete" {
						return storeError(objstore.Denied)
					}
					return nil
				})
			}
			if test.restart {
				h.kill()
				_ = h.ended() // It was killed.
				h.ready()
			}
			begun := strings.Count(h.logs.text(), `command started" container=main`)
			again := h.session("main")
			defer again()
			h.eventually("the session begins", func() bool {
				return strings.Count(h.logs.text(), `command started" container=main`) > begun
			})
			h.eventually("the complete manifest is taken back", func() bool { return h.manifest().State == manifest.Open })
			if test.denied {
				// Whoever reads the entry finds another manifest than it names.
				e, text := h.newestRun(manifest.Complete), h.object(strings.TrimPrefix(manifestKey, "payments/pg/"))
				if e == nil || e.ManifestSHA256 == fmt.Sprintf("%x", sha256.Sum256([]byte(text))) {
					t.Errorf("the newest run is %+v", e)
				}
				h.eventually("the log says so", func() bool { return strings.Contains(h.logs.text(), "remove run from index") })
				return
			}
			h.eventually("the index does not name the run", func() bool { return h.newestRun(manifest.Complete).Run == "earlier" })
		})
	}
}
