package sidecar_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"lighterman.dev/lighterman/uploader"
)

// withoutOverride runs the test in a process of its own that keeps root from reading what its mode forbids, as an ordinary user in a pod;
// it reports whether this is that process, in which the test goes on.
func withoutOverride(t *testing.T) bool {
	t.Helper()
	if os.Getuid() != 0 || os.Getenv("LIGHTERMAN_TEST_WITHOUT_OVERRIDE") == "true" {
		return true
	}
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	command.Env = append(os.Environ(), "LIGHTERMAN_TEST_WITHOUT_OVERRIDE=true")
	done := make(chan error)
	var out []byte
	go func() {
		runtime.LockOSThread() // And never unlocked: the thread, whose children get no more capabilities than this, ends with it.
		for _, capability := range []uintptr{unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH} {
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err != nil {
				done <- err
				return
			}
		}
		var err error
		out, err = command.CombinedOutput()
		done <- err
	}()
	if err := <-done; err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// TestUnreadableDirectory has one directory that the sidecar may not read: the files of the others are stored, those too that come
// later, and the run is not whole.
func TestUnreadableDirectory(t *testing.T) {
	if !withoutOverride(t) {
		return
	}
	h := newHarness(t, nil)
	h.write("closed/secret", "unread")
	h.must(os.Chmod(filepath.Join(h.spool, "closed"), 0))
	t.Cleanup(func() { h.must(os.Chmod(filepath.Join(h.spool, "closed"), 0o700)) })
	h.ready()
	h.write("dump", "whole")
	h.stored("dump", "whole")
	h.write("new/dump", "too")
	h.stored("new/dump", "too")
	err := h.end()
	if err == nil || !strings.Contains(err.Error(), "closed: read the directory, or leave it out with spec.uploader.exclude") {
		t.Errorf("got %v", err)
	}
	if strings.Contains(h.logs.text(), "watch spool") {
		t.Error("the others are not watched any more")
	}
}

// TestExcludedDirectoryIsNotRead has directories that the sidecar may not read, and need not.
func TestExcludedDirectoryIsNotRead(t *testing.T) {
	if !withoutOverride(t) {
		return
	}
	h := newHarness(t, func(c *uploader.Config) { c.Exclude = []string{"cache", "**/private/**"} })
	for _, dir := range []string{"lost+found", "cache", "deep/cache", "deep/private"} {
		h.write(dir+"/x", "unread")
		h.must(os.Chmod(filepath.Join(h.spool, dir), 0))
		t.Cleanup(func() { h.must(os.Chmod(filepath.Join(h.spool, dir), 0o700)) })
	}
	h.write("deep/dump", "whole")
	h.ready()
	h.stored("deep/dump", "whole")
	h.must(h.end())
	if got := h.names(); got != "deep/dump" {
		t.Errorf("the manifest names %s", got)
	}
}
