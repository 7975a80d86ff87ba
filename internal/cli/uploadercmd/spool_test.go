//go:build linux

package uploadercmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/storetest"
)

// eventually waits until something has come to pass.
func (p *pod) eventually(what string, is func() bool) {
	p.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.Fatalf("it does not come to pass that %s", what)
		}
	}
}

// hasFile reports whether a file is in the spool.
func (p *pod) hasFile(name string) bool {
	p.Helper()
	_, err := os.Lstat(filepath.Join(p.spool, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.Fatal(err)
	}
	return err == nil
}

// deletes writes a file and waits until the sidecar has deleted it: by then it has seen all that was there before.
func (p *pod) deletes(name string) {
	p.Helper()
	p.write(name, []byte("marker"))
	p.eventually(name+" is stored and deleted", func() bool { return string(p.object(name)) == "marker" && !p.hasFile(name) })
}

// asDefaultUser lets the commands of the pod run as the user of the uploader's image, without capabilities.
func (p *pod) asDefaultUser() {
	p.Helper()
	if os.Getuid() != 0 {
		p.Skip("only root can run the sidecar as another user")
	}
	program, err := os.Executable()
	p.must(err)
	// The directory in which "go test" builds is open to its own user alone.
	dir := p.TempDir()
	p.must(os.Chmod(filepath.Dir(dir), 0o755))
	p.program = filepath.Join(dir, "uploader")
	text, err := os.ReadFile(program)
	p.must(err)
	p.must(os.WriteFile(p.program, text, 0o755))
	p.user = &syscall.Credential{Uid: uploader.DefaultUser, Gid: uploader.DefaultUser}
	for _, dir := range []string{p.share, p.directory} {
		p.must(filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			return errors.Join(err, os.Lchown(path, uploader.DefaultUser, uploader.DefaultUser))
		}))
	}
	p.must(os.Chmod(p.spool, 0o777))
}

// TestFileOfAnotherUserStaysOpen has a container that runs as root and rotates its log by renaming it: it goes on writing to the
// renamed file, and the kernel does not tell the uploader so.
func TestFileOfAnotherUserStaysOpen(t *testing.T) {
	p := newPod(t, `,"upload":"Stream","afterUpload":"Delete"`)
	p.asDefaultUser()
	s := p.sidecar()
	log, err := os.Create(filepath.Join(p.spool, "app.log"))
	p.must(err)
	p.must(log.Chmod(0o644))
	for _, line := range []string{"one\n", "two\n"} {
		_, err = log.WriteString(line)
		p.must(err)
		other, err := os.OpenFile(log.Name(), os.O_WRONLY|os.O_APPEND, 0)
		p.must(err)
		p.must(other.Close()) // One writer has closed it, and the first has not.
	}
	p.must(os.Rename(log.Name(), filepath.Join(p.spool, "app.log.1")))

	p.write("marker", nil)
	p.must(os.Chown(filepath.Join(p.spool, "marker"), uploader.DefaultUser, uploader.DefaultUser))
	p.must(os.WriteFile(filepath.Join(p.spool, "marker"), []byte("marker"), 0))
	p.eventually("what the uploader's own user has written is stored and deleted", func() bool {
		return string(p.object("marker")) == "marker" && !p.hasFile("marker")
	})
	if !p.hasFile("app.log.1") || p.object("app.log.1") != nil || p.object("app.log") != nil {
		t.Errorf("in the spool: %v; stored: %q, %q", p.hasFile("app.log.1"), p.object("app.log.1"), p.object("app.log"))
	}
	_, err = log.WriteString("three\n")
	p.must(err)
	p.must(log.Close())
	s.signal(syscall.SIGTERM)
	if code := s.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if got := string(p.object("app.log.1")); got != "one\ntwo\nthree\n" || p.hasFile("app.log.1") {
		t.Errorf("stored: %q; still in the spool: %v", got, p.hasFile("app.log.1"))
	}
	for _, text := range []string{
		"the writers of files may be unknown", "the writers of a file are unknown", `"path":"app.log`,
		"the kernel does not tell user 65532, as whom the uploader runs, which files of user 0 are open",
		"uploaded when the containers have ended, and not while they grow, and are not deleted before",
		"set securityContext.runAsUser in the pod, or spec.uploader.securityContext.runAsUser in the profile to 0",
	} {
		if !strings.Contains(s.text(), text) {
			t.Errorf("it does not say %q", text)
		}
	}
	if n := strings.Count(s.text(), "the writers of a file are unknown"); n != 1 {
		t.Errorf("it says so %d times", n)
	}
}

// TestRenamedOverWhileDeleted renames thousands of files over others, each in the moment in which the sidecar is about to delete that.
// All are stored in the end, under their name, or under the one that was given to them.
func TestRenamedOverWhileDeleted(t *testing.T) {
	const files, rounds = 3000, 2
	p := newPod(t, `,"afterUpload":"Delete","overwrite":true`)
	s := p.sidecar()
	next := storetest.TempDir(t)
	content := func(name string, round int) string { return fmt.Sprintf("%s of round %d", name, round) }
	rename := func(name string) { p.must(os.Rename(filepath.Join(next, name), filepath.Join(p.spool, name))) }
	for round := range rounds + 1 {
		for i := range files {
			name := fmt.Sprintf("file-%04d", i)
			p.must(os.WriteFile(filepath.Join(next, name), []byte(content(name, round)), 0o600))
		}
		names := p.order(next)
		if round == 0 {
			for _, name := range names {
				rename(name)
			}
			continue
		}
		// The sidecar deletes in the order of the directory: when a file is gone, it is the turn of the next one.
		names = p.order(p.spool)
		for i := 0; i+1 < len(names); i += 2 {
			for deadline := time.Now().Add(time.Minute); p.hasFile(names[i]); {
				if i > 0 && !p.hasFile(names[i+1]) || time.Now().After(deadline) {
					break
				}
			}
			rename(names[i+1])
		}
		for _, name := range p.order(next) {
			rename(name)
		}
	}
	s.signal(syscall.SIGTERM)
	if code := s.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	stored := map[string]bool{}
	for f, err := range p.manifest().All(t.Context(), p.store) {
		p.must(err)
		stored[string(p.object(f.Path))] = true
	}
	lost := 0
	for i := range files {
		name := fmt.Sprintf("file-%04d", i)
		if want := content(name, rounds); !stored[want] {
			lost++
			t.Errorf("%s is lost: the store has %q", want, p.object(name))
		}
	}
	t.Logf("%d of %d files are lost", lost, files)
	if left := p.order(p.spool); len(left) > 0 {
		t.Errorf("the spool still has %v", left)
	}
}

// order returns the names of files in a directory, in its own order.
func (p *pod) order(dir string) []string {
	p.Helper()
	d, err := os.Open(dir)
	p.must(err)
	defer d.Close()
	names, err := d.Readdirnames(-1)
	p.must(err)
	return slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, ".lighterman-aside-") })
}

// TestLeftoverOfAKilledUploader has a file that an uploader had set aside when it was killed.
func TestLeftoverOfAKilledUploader(t *testing.T) {
	p := newPod(t, "")
	aside := filepath.Join(p.spool, "dumps", ".lighterman-aside-0123456789abcdef")
	p.must(os.MkdirAll(aside, 0o755))
	p.must(os.WriteFile(filepath.Join(aside, "dump"), []byte("whole"), 0o600))
	s := p.sidecar()
	s.signal(syscall.SIGTERM)
	if code := s.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if got := string(p.object("dumps/dump")); got != "whole" || p.hasFile("dumps/.lighterman-aside-0123456789abcdef") {
		t.Errorf("stored: %q", got)
	}
}

// TestSpoolThatLeadsToCredentials has a spool below a volume that a container has made a link to the uploader's own files.
func TestSpoolThatLeadsToCredentials(t *testing.T) {
	for name, target := range map[string]string{"absolute": "", "relative": "../secrets"} {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, "")
			p.must(os.MkdirAll(filepath.Join(p.spool, "data"), 0o755))
			p.must(os.MkdirAll(filepath.Join(p.spool, "secrets"), 0o755))
			p.write("secrets/aws-credentials", []byte("KEY-MATERIAL"))
			if target == "" {
				target = filepath.Join(p.spool, "secrets")
			}
			p.must(os.Symlink(target, filepath.Join(p.spool, "data/backup")))
			p.settings = strings.Replace(p.settings, p.spool, filepath.Join(p.spool, "data/backup"), 1)
			s := p.start("run", "--termination-log", filepath.Join(p.directory, "termination-log"))
			if code := s.code(); code != 1 {
				t.Errorf("exit code %d", code)
			}
			reason, err := os.ReadFile(filepath.Join(p.directory, "termination-log"))
			if err != nil || !strings.Contains(string(reason), "data/backup: it is a link") {
				t.Errorf("termination message %q, %v", reason, err)
			}
			if got := p.object("aws-credentials"); got != nil {
				t.Errorf("it has uploaded its credentials: %q", got)
			}
		})
	}
}

// TestDirectoryRenamedIntoPlace builds a directory under a temporary name, as Prometheus does with its blocks.
func TestDirectoryRenamedIntoPlace(t *testing.T) {
	for _, temporary := range []string{"block.tmp-for-creation", "block.tmp", ".staging"} {
		t.Run(temporary, func(t *testing.T) {
			t.Parallel()
			p := newPod(t, `,"afterUpload":"Delete"`)
			s := p.sidecar()
			p.must(os.MkdirAll(filepath.Join(p.spool, temporary, "chunks"), 0o755))
			p.write(temporary+"/chunks/000001", []byte("chunk"))
			p.deletes("marker")
			if !p.hasFile(temporary + "/chunks/000001") {
				t.Error("a piece of the block is gone")
			}
			p.write(temporary+"/index", []byte("index"))
			p.must(os.Rename(filepath.Join(p.spool, temporary), filepath.Join(p.spool, "block")))
			p.eventually("its files are stored", func() bool {
				return string(p.object("block/chunks/000001")) == "chunk" && string(p.object("block/index")) == "index"
			})
			s.signal(syscall.SIGTERM)
			if code := s.code(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if m := p.manifest(); len(m.Files) != 3 {
				t.Errorf("the manifest names %+v", m.Files)
			}
		})
	}
}
