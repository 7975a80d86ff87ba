//go:build linux

package doctor_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"lighterman.dev/lighterman/uploader"
)

// asUser runs do on a thread of its own that may do no more than a user may.
func asUser(t *testing.T, uid int, do func()) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // And never unlocked: the thread ends with its goroutine.
		_, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid))
		if errno != 0 {
			done <- errno
			return
		}
		defer close(done) // Also where do ends the goroutine.
		do()
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestSpool(t *testing.T) {
	dir := t.TempDir()
	for name := filepath.Dir(dir); name != filepath.Dir(filepath.Dir(dir)); name = filepath.Dir(name) {
		if err := os.Chmod(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "dump"), []byte("one"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("dump", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	config := func(spool string) *uploader.Config {
		return &uploader.Config{
			Spool: spool, Include: []string{"**"}, Azure: &uploader.Azure{Auth: uploader.Auth{Mode: "default"}},
		}
	}
	lines, well := examine(t, config(dir), newStore(t), nil)
	if want := "spool: " + dir + ", 2 files looked at as user "; !well || !strings.Contains(lines, want) {
		t.Errorf("%q is not in:\n%s", want, lines)
	}
	linked := filepath.Join(t.TempDir(), "linked")
	if err := os.Symlink(dir, linked); err != nil {
		t.Fatal(err)
	}
	lines, well = examine(t, config(linked), newStore(t), nil)
	if want := "linked: it is a link"; well || !strings.Contains(lines, want) {
		t.Errorf("%q is not in:\n%s", want, lines)
	}
	lines, well = examine(t, config("/no-such-spool"), newStore(t), nil)
	if !well || strings.Contains(lines, "spool") {
		t.Errorf("there is no spool:\n%s", lines)
	}
	store := newStore(t)
	asUser(t, uploader.DefaultUser, func() { lines, well = examine(t, config(dir), store, nil) })
	for _, want := range []string{
		`"dump" waits for the end of the containers: the kernel does not tell user`, "which files of user 0 are open",
		"spec.uploader.securityContext.runAsUser in the profile to 0",
	} {
		if well || !strings.Contains(lines, want) {
			t.Errorf("%q is not in:\n%s", want, lines)
		}
	}
}
