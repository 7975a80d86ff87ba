package upload_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"

	"lighterman.dev/lighterman/e2e/harness/require"
)

// open opens a file of the spool as a writer does.
func (p *pod) open(name string, flags int) *os.File {
	p.Helper()
	f, err := os.OpenFile(p.path(name), flags, 0o600)
	p.must(err)
	return f
}

// put writes into a file that is open, and into what is expected of it.
func (p *pod) put(name string, f *os.File, data []byte, offset int64) {
	p.Helper()
	_, err := f.WriteAt(data, offset)
	p.must(err)
	want := make([]byte, max(int64(len(p.files[name])), offset+int64(len(data))))
	copy(want, p.files[name])
	copy(want[offset:], data)
	p.files[name] = want
}

func (p *pod) fileGrows() {
	r := p.middle()
	f := p.open("large", os.O_WRONLY)
	p.put("large", f, p.data(p.size()), int64(len(p.files["large"])))
	p.must(f.Close())
	p.drained(r)
}

func (p *pod) fileIsRewritten() {
	r := p.middle()
	f := p.open("large", os.O_WRONLY)
	p.put("large", f, []byte("the table of contents"), 100)
	p.must(f.Close())
	p.drained(r)
}

func (p *pod) streamIsRewritten() {
	p.config.Upload = uploader.Stream
	p.mount(16 * p.size()) // A part is as large as a file needs that fills the file system.
	p.slow()
	r := p.sidecar()
	f := p.open("dump", os.O_WRONLY|os.O_CREATE)
	p.put("dump", f, p.data(3*p.size()+1000), 0)
	p.sent("dump", 1)
	p.absent("dump")
	p.put("dump", f, []byte("the table of contents"), 0)
	p.must(f.Close())
	if p.store.Limits().Sequential {
		r.says("restart upload")
	}
	p.drained(r)
}

func (p *pod) fileIsTruncated() {
	r := p.middle()
	p.files["large"] = p.files["large"][:p.size()*3/2]
	p.must(os.Truncate(p.path("large"), p.size()*3/2))
	p.drained(r)
	if strings.Contains(r.text(), "retry request") {
		p.Error("the store is asked again for what the file has no more")
	}
}

func (p *pod) fileIsDeleted() {
	r := p.middle()
	p.must(os.Remove(p.path("large")))
	p.drained(r)
}

func (p *pod) fileIsRenamed() {
	r := p.middle()
	p.must(os.Rename(p.path("large"), p.path("renamed")))
	p.files["renamed"] = p.files["large"]
	delete(p.files, "large")
	p.drained(r)
	p.absent("large")
}

func (p *pod) fileIsReplaced() {
	r := p.middle()
	other := p.data(2 * p.size())
	p.must(os.WriteFile(p.path("large.tmp"), other, 0o600))
	p.must(os.Rename(p.path("large.tmp"), p.path("large")))
	p.files["large"] = other
	p.drained(r)
}

// mount puts a small file system in place of the spool.
func (p *pod) mount(size int64) {
	p.Helper()
	err := syscall.Mount("tmpfs", p.config.Spool, "tmpfs", 0, "size="+strconv.FormatInt(size, 10))
	if errors.Is(err, syscall.EPERM) {
		require.Skip(p, "leave to mount a small file system: run the tests as root")
	}
	p.must(err)
	p.Cleanup(func() { p.must(syscall.Unmount(p.config.Spool, syscall.MNT_DETACH)) })
}

func (p *pod) diskIsFull() {
	p.mount(4 * p.size())
	// The journal is on the disk that runs full.
	p.config.Directory = filepath.Join(p.config.Spool, ".lighterman")
	p.must(os.Mkdir(p.config.Directory, 0o700))
	r := p.sidecar()
	p.large("whole", 2)
	f := p.open("half.partial", os.O_WRONLY|os.O_CREATE)
	chunk := make([]byte, 64<<10)
	var err error
	for err == nil {
		_, err = f.Write(chunk)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		p.Fatalf("got %v", err)
	}
	p.must(f.Close())
	p.stored("whole")
	// The writer makes room, as a backup that failed and is started once more.
	p.must(os.Remove(p.path("half.partial")))
	p.write("again", p.data(p.size()))
	p.drained(r)
}

func (p *pod) deletionMakesRoom() {
	p.mount(3 * p.size())
	p.config.AfterUpload = uploader.Delete
	r := p.sidecar()
	for _, name := range []string{"first", "second"} {
		p.large(name, 2) // There is no room for both.
		eventually(p, name+" is deleted", func() bool {
			_, err := os.Stat(p.path(name))
			return errors.Is(err, os.ErrNotExist)
		})
		if m := p.manifest(); m == nil || m.Files[len(m.Files)-1].Path != name {
			p.Errorf("%s was deleted, and the manifest is %+v", name, m)
		}
	}
	p.drained(r)
}

func (p *pod) objectIsTheSame() {
	for name, data := range map[string][]byte{"small": p.data(1000), "large": p.data(2*p.size() + 1)} {
		p.occupy(name, data)
		p.write(name, data)
	}
	p.drained(p.sidecar())
}

func (p *pod) objectIsAnother() {
	for name, size := range map[string]int64{"small": 1000, "large": 2*p.size() + 1} {
		p.occupy(name, p.data(size))
		p.write(name, p.data(size))
	}
	others := map[string][]byte{"small": p.object("small"), "large": p.object("large")}
	p.refused(p.sidecar(), "2 of 2 files not stored", "small: another object has the key", "large: another object has the key", "choose a key that differs for each run")
	for name, other := range others {
		if !bytes.Equal(p.object(name), other) {
			p.Errorf("%s was replaced", name)
		}
	}
	p.nothingLeft()
}

// occupy stores an object at the key of a file.
func (p *pod) occupy(name string, data []byte) {
	p.Helper()
	_, err := p.store.Put(p.Context(), &objstore.Object{Key: p.key(name)}, objstore.Body{ReaderAt: bytes.NewReader(data), Size: int64(len(data))})
	p.must(err)
}

// twoPodsRace has two pods that write other bytes to the same keys at the same time.
func (p *pod) twoPodsRace() {
	p.config.Key = "{path}"
	p.slow()
	other := newPod(p.T, p.backend)
	directory, spool := other.config.Directory, other.config.Spool
	other.config = p.config
	other.config.Directory, other.config.Spool, other.identity.UID = directory, spool, "other"
	pods := []*pod{p, other}
	var sidecars []*process
	for _, pod := range pods {
		sidecars = append(sidecars, pod.sidecar())
	}
	names := []string{"small-1", "small-2", "large-1", "large-2"}
	for i, pod := range pods {
		for _, name := range names[:2] {
			pod.write(name, pod.data(1000))
		}
		for _, name := range names[2:] {
			pod.large(name, 1)
		}
		sidecars[i].signal(syscall.SIGTERM)
	}
	codes := []int{sidecars[0].code(), sidecars[1].code()}
	lost := []int{0, 0}
	for _, name := range names {
		got := p.at(p.config.Prefix + "/" + name)
		for i, pod := range pods {
			if bytes.Equal(got, pod.files[name]) {
				continue
			}
			lost[i]++
			pod.says(name + ": another object has the key")
		}
	}
	if lost[0]+lost[1] != len(names) {
		p.Errorf("%d and %d of %d races are lost", lost[0], lost[1], len(names))
	}
	for i := range pods {
		if (codes[i] == 0) != (lost[i] == 0) {
			p.Errorf("a pod that lost %d races ends with %d", lost[i], codes[i])
		}
	}
}
