package uploadercmd

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader"
)

var kills = flag.Int("kills", 15, "how often the sidecar is killed in TestKill")

// writer writes files as a backup does, and knows what they hold.
type writer struct {
	*pod

	random *rand.Rand
	mu     sync.Mutex
	files  map[string][32]byte
}

// next writes a file: whole at once, piece by piece, under a temporary name first, or with a front that is written last.
func (w *writer) next(n int) {
	data := make([]byte, w.random.IntN(3<<20))
	if w.random.IntN(2) == 0 {
		data = data[:len(data)>>10]
	}
	for i := range data {
		data[i] = byte(w.random.Uint32())
	}
	name := fmt.Sprintf("file-%04d", n)
	w.mu.Lock()
	w.files[name] = sum(data)
	w.mu.Unlock()
	path := filepath.Join(w.spool, name)
	if n%3 == 0 {
		w.write(name+".tmp", data)
		w.must(os.Rename(path+".tmp", path))
		return
	}
	f, err := os.Create(path)
	w.must(err)
	front := min(len(data), 100)
	_, err = f.Write(make([]byte, front))
	w.must(err)
	for rest := data[front:]; len(rest) > 0; {
		piece := min(len(rest), 300_000)
		_, err := f.Write(rest[:piece])
		w.must(err)
		rest = rest[piece:]
	}
	_, err = f.WriteAt(data[:front], 0)
	w.must(err)
	w.must(f.Close())
}

// right checks that every visible object is the whole file, and returns how many are visible.
func (w *writer) right() (visible int) {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, want := range w.files {
		data := w.object(name)
		if data == nil {
			continue
		}
		visible++
		if sum(data) != want {
			w.Fatalf("%s is visible with %d wrong bytes", name, len(data))
		}
	}
	return visible
}

// The sidecar is killed at random moments, again and again, while a backup writes. In the end every file is in the store,
// whole, and at no time was anything else visible.
func TestKill(t *testing.T) {
	for _, mode := range []uploader.UploadMode{uploader.OnClose, uploader.Stream} {
		t.Run(string(mode), func(t *testing.T) {
			p := newPod(t, `,"upload":"`+string(mode)+`","bandwidthLimit":30000000`)
			w := &writer{pod: p, files: map[string][32]byte{}, random: rand.New(rand.NewPCG(1, uint64(*kills)))}
			stop := make(chan struct{})
			var writing sync.WaitGroup
			writing.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					case <-time.After(30 * time.Millisecond):
						w.next(n)
					}
				}
			})
			moment := rand.New(rand.NewPCG(2, uint64(*kills)))
			for range *kills {
				r := p.start("run", "--termination-log", "")
				time.Sleep(time.Duration(moment.IntN(int(700 * time.Millisecond))))
				r.signal(syscall.SIGKILL)
				r.gone()
				w.right()
			}
			between := w.right()
			close(stop)
			writing.Wait()
			last := p.sidecar()
			last.signal(syscall.SIGTERM)
			if code := last.code(); code != 0 {
				t.Fatalf("exit code %d", code)
			}
			if got := w.right(); got != len(w.files) {
				t.Errorf("%d of %d files are stored", got, len(w.files))
			}
			p.nothingLeft()
			m := p.manifest()
			if !m.Final || len(m.Files) != len(w.files) {
				t.Errorf("the manifest names %d of %d files, final: %v", len(m.Files), len(w.files), m.Final)
			}
			if out, err := p.command("verify", manifestKey).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
			t.Logf("%d kills, %d files, %d of them stored before the last life", *kills, len(w.files), between)
		})
	}
}
