package sidecar_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/session"
	"lighterman.dev/lighterman/uploader/sidecar"
)

func TestPreflightFailsWithTheCauseAndTheCure(t *testing.T) {
	for class, cure := range map[objstore.Class]string{
		objstore.Denied: "give the identity leave", objstore.NoBucket: "correct its name and region",
		objstore.Untrusted: "set spec.caBundle", objstore.Transient: "look at its endpoint",
		objstore.Invalid: "look at storage class",
	} {
		t.Run(string(class), func(t *testing.T) {
			h := newHarness(t, nil)
			h.fault.set(func(call, _ string) error {
				if call == "Put" {
					return storeError(class)
				}
				return nil
			})
			h.start()
			err := h.ended()
			if objstore.ClassOf(err) != class {
				t.Fatalf("got %v", err)
			}
			message := filepath.Join(t.TempDir(), "termination-log")
			h.must(sidecar.WriteTermination(message, err))
			text, err := os.ReadFile(message)
			h.must(err)
			if !strings.Contains(string(text), "the store cannot be written") || !strings.Contains(string(text), cure) {
				t.Errorf("got %s", text)
			}
		})
	}
}

func TestPreflightWaitsForWhatHeals(t *testing.T) {
	for _, class := range []objstore.Class{objstore.Denied, objstore.Transient} {
		h := newHarness(t, nil)
		begin := time.Now()
		h.fault.set(func(string, string) error {
			if time.Since(begin) < time.Second {
				return storeError(class)
			}
			return nil
		})
		h.ready()
		h.must(h.end())
	}
}

func TestStoreThatMayOnlyBeWritten(t *testing.T) {
	h := newHarness(t, nil)
	h.fault.set(func(call, _ string) error {
		if call == "Open" || call == "Stat" {
			return storeError(objstore.Denied)
		}
		return nil
	})
	h.ready()
	h.write("small", "one")
	h.write("large", strings.Repeat("0123456789abcdef", 1<<18))
	h.must(h.end())
	if got := h.names(); got != "large small" {
		t.Errorf("the manifest names %s", got)
	}
}

func TestPodThatEndsDuringThePreflight(t *testing.T) {
	broken := func(string, string) error { return storeError(objstore.Transient) }
	t.Run("before the backup began", func(t *testing.T) {
		h := newHarness(t, nil)
		h.fault.set(broken)
		h.start()
		h.eventually("the preflight fails", func() bool { return strings.Contains(h.logs.text(), "write a probe") })
		h.must(h.end())
		if h.manifest() != nil {
			t.Error("there is a manifest")
		}
	})
	t.Run("with something in the spool, and the store comes back", func(t *testing.T) {
		h := newHarness(t, nil)
		h.write("file", "left by an earlier life")
		h.fault.set(broken)
		h.start()
		h.eventually("the preflight fails", func() bool { return strings.Contains(h.logs.text(), "write a probe") })
		close(h.drain)
		h.eventually("it drains", func() bool { return strings.Contains(h.logs.text(), "start drain") })
		h.fault.set(func(string, string) error { return nil })
		h.must(h.ended())
		if got := h.names(); got != "file" {
			t.Errorf("the manifest names %s", got)
		}
	})
	t.Run("with something in the spool, and the store does not come back", func(t *testing.T) {
		h := newHarness(t, func(c *uploader.Config) { c.DrainTimeoutSeconds = 2 })
		h.write("file", "left by an earlier life")
		h.fault.set(broken)
		h.start()
		if err := h.end(); err == nil {
			t.Error("no error is returned")
		}
	})
}

func TestGracePeriodThatIsTooShort(t *testing.T) {
	h := newHarness(t, func(c *uploader.Config) { c.DrainTimeoutSeconds, c.BandwidthLimit = 2, 1<<20 })
	h.ready()
	h.write("small", "one")
	h.stored("small", "one")
	h.write("large", strings.Repeat("0123456789abcdef", 1<<20)) // 16 MiB at 1 MiB in a second.
	err := h.end()
	const want = "1 of 2 files not stored in time: large is not finished: raise spec.uploader.drainTimeoutSeconds"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
	if got := h.object("large"); got != "" {
		t.Errorf("%d bytes are visible", len(got))
	}
	h.nothingLeft()
	if m := h.manifest(); m != nil && m.Final {
		t.Error("the manifest is final")
	}
}

func TestDeadlineSaysWhatTheStoreSaid(t *testing.T) {
	h := newHarness(t, func(c *uploader.Config) { c.DrainTimeoutSeconds = 2 })
	h.ready()
	h.fault.set(func(string, string) error { return storeError(objstore.Denied) })
	h.write("file", "one")
	const want = "1 of 1 files not stored in time: file: a fault of the test: the store knows the caller and refuses"
	if err := h.end(); objstore.ClassOf(err) != objstore.Denied || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
}

func TestStoreThatFailsForAWhile(t *testing.T) {
	h := newHarness(t, nil)
	h.ready()
	h.fault.set(func(string, string) error { return storeError(objstore.Transient) })
	h.write("file", "one")
	h.eventually("it is tried", func() bool { return strings.Contains(h.logs.text(), "put payments/pg/file") })
	h.fault.set(func(string, string) error { return nil })
	h.stored("file", "one")
	h.must(h.end())
}

func TestStoreThatRefusesForGood(t *testing.T) {
	h := newHarness(t, nil)
	h.ready()
	h.fault.set(func(_, key string) error {
		if strings.HasSuffix(key, "file") {
			return storeError(objstore.Invalid)
		}
		return nil
	})
	h.write("file", "one")
	h.write("other", "two")
	begin := time.Now()
	err := h.end()
	const want = "file: a fault of the test: the store refuses what is asked"
	if objstore.ClassOf(err) != objstore.Invalid || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("the drain took %v", took)
	}
	if got := h.object("other"); got != "two" {
		t.Errorf("the other file is %q", got)
	}
}

func TestKeyThatIsTooLong(t *testing.T) {
	h := newHarness(t, nil)
	h.write(strings.Repeat(strings.Repeat("x", 200)+"/", 6)+"file", "one")
	h.ready()
	if err := h.end(); err == nil || !strings.Contains(err.Error(), "give the file a shorter name") {
		t.Errorf("got %v", err)
	}
}

func TestWrappedCommand(t *testing.T) {
	h := newHarness(t, nil)
	h.ready()
	session := h.session("main")
	h.write("dump", "one")
	verdict := h.finish("main")
	session()
	if verdict.Error != "" || verdict.Files != 1 || verdict.Bytes != 3 || verdict.Manifest != manifestKey {
		t.Errorf("got %+v", verdict)
	}
	if m := h.manifest(); m == nil || !m.Final || h.names() != "dump" {
		t.Errorf("got %+v", m)
	}
	h.must(h.end())
}

func TestWrappedCommandWhoseUploadFails(t *testing.T) {
	h := newHarness(t, nil)
	h.ready()
	h.fault.set(func(_, key string) error {
		if strings.HasSuffix(key, "dump") {
			return storeError(objstore.NoBucket)
		}
		return nil
	})
	h.write("dump", "one")
	verdict := h.finish("main")
	if !strings.Contains(verdict.Error, "1 of 1 files not stored: dump") ||
		!strings.Contains(verdict.Error, "correct its name and region") {
		t.Errorf("got %+v", verdict)
	}
	if m := h.manifest(); m != nil {
		t.Errorf("there is a manifest: %+v", m)
	}
}

func TestWrappedCommandThatFails(t *testing.T) {
	h := newHarness(t, func(c *uploader.Config) { c.Upload = uploader.Stream })
	h.ready()
	endSession := h.session("main")
	f, err := os.Create(filepath.Join(h.spool, "dump"))
	h.must(err)
	_, err = f.WriteString(strings.Repeat("0123456789abcdef", 1<<18))
	h.must(err)
	h.eventually("parts are on their way", func() bool {
		return h.unfinished("payments/pg/dump")
	})
	h.ask(session.Request{Ask: session.AskFailed, Container: "main", Code: 3}, func(session.Answer) bool { return false })
	endSession()
	if err := h.end(); err == nil || !strings.Contains(err.Error(), `container "main" failed with code 3`) {
		t.Errorf("got %v", err)
	}
	if m := h.manifest(); m != nil {
		t.Errorf("there is a manifest: %+v", m)
	}
	if got := h.object("dump"); got != "" {
		t.Errorf("%d bytes are visible", len(got))
	}
	h.nothingLeft()
	h.must(f.Close())
}

func TestOneOfTwoWrappedCommandsEnds(t *testing.T) {
	h := newHarness(t, nil)
	h.ready()
	first, second := h.session("first"), h.session("second")
	f, err := os.Create(filepath.Join(h.spool, "of-the-second"))
	h.must(err)
	_, err = f.WriteString("half")
	h.must(err)
	h.write("of-the-first", "whole")
	if verdict := h.finish("first"); verdict.Error != "" || h.names() != "of-the-first" || h.manifest().Final {
		t.Errorf("got %+v, and the manifest names %s", verdict, h.names())
	}
	first()
	h.must(f.Close())
	verdict := h.finish("second")
	if verdict.Error != "" || h.names() != "of-the-first of-the-second" || !h.manifest().Final {
		t.Errorf("got %+v, and the manifest names %s", verdict, h.names())
	}
	second()
	h.must(h.end())
}

func TestSessionThatIsLost(t *testing.T) {
	h := newHarness(t, nil)
	h.ready()
	session := h.session("main")
	h.write("dump", "half")
	session() // As when the container runs out of memory.
	h.eventually("it is noticed", func() bool { return strings.Contains(h.logs.text(), "command failed") })
	if err := h.end(); err == nil || !strings.Contains(err.Error(), `container "main" was lost`) {
		t.Errorf("got %v", err)
	}
	if m := h.manifest(); m != nil && m.Final {
		t.Errorf("there is a manifest: %+v", m)
	}
}
