//go:build linux

package uploadercmd

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// fullDisk mounts a small file system in place of the spool, with the sidecar's own directory in it.
func (p *pod) fullDisk(size string) {
	p.Helper()
	if os.Getuid() != 0 {
		p.Skip("only root can mount a small file system")
	}
	p.must(syscall.Mount("tmpfs", p.spool, "tmpfs", 0, "size="+size))
	p.Cleanup(func() { p.must(syscall.Unmount(p.spool, syscall.MNT_DETACH)) })
	p.must(os.Mkdir(filepath.Join(p.spool, ".lighterman"), 0o700))
}

// The spool runs full, and with it the disk that the journal is on. What was completed before is stored; the run goes on.
func TestDiskThatIsFull(t *testing.T) {
	p := newPod(t, "")
	p.fullDisk("4m")
	p.settings = `{"spool":"` + p.spool + `","directory":"` + filepath.Join(p.spool, ".lighterman") + `","partSizeMiB":1,"overwrite":true,` + location + `}`
	p.directory = filepath.Join(p.spool, ".lighterman")
	s := p.sidecar()
	whole := bytes.Repeat([]byte("whole"), 400_000) // 2 MB
	p.write("whole", whole)
	f, err := os.Create(filepath.Join(p.spool, "half"))
	p.must(err)
	written := 0
	for err == nil {
		var n int
		n, err = f.Write(make([]byte, 4096))
		written += n
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v", err)
	}
	p.must(f.Close())
	// The writer makes room and tries again, as a backup that is started once more.
	p.must(os.Remove(filepath.Join(p.spool, "half")))
	p.write("again", []byte("this time it fits"))
	s.signal(syscall.SIGTERM)
	if code := s.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if !bytes.Equal(p.object("whole"), whole) || string(p.object("again")) != "this time it fits" {
		t.Error("what was completed is not stored as it was")
	}
	if m := p.manifest(); !m.Final || len(m.Files) < 2 {
		t.Errorf("got %+v", m)
	}
	p.nothingLeft()
}
