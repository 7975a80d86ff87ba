package upload_test

import (
	"bytes"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader"
)

var (
	kills = flag.Int("kills", 100, "how often TestKill kills sidecars that send to S3; those of the other stores it kills a fifth as often")
	seed  = flag.Uint64("seed", 0, "of the moments and the files of TestKill; 0: another one each time")
)

// TestKill kills the sidecar at random moments, again and again, while a backup writes. At no time anything is visible but a
// file that was completed, whole; and in the end all are, and the manifest says so.
func TestKill(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("-seed=%d -kills=%d", *seed, *kills)
	ways := map[string]func(*killer){
		"OnClose": func(*killer) {},
		"Stream":  (*killer).streams,
		"Delete":  func(k *killer) { k.config.AfterUpload = uploader.Delete },
		"Wrap":    (*killer).wraps,
	}
	var pods sync.WaitGroup
	for store, open := range backends {
		b, share := open(t), *kills
		b.name = store
		if store != "S3" {
			share /= 5
		}
		for way, prepare := range ways {
			pods.Go(func() {
				t.Run(store+"/"+way, func(t *testing.T) {
					h := fnv.New64()
					h.Write([]byte(t.Name()))
					k := &killer{pod: newPod(t, b), random: rand.New(rand.NewPCG(*seed, h.Sum64())), seen: map[string]bool{}}
					k.config.Concurrency, k.config.BandwidthLimit = 2, 4*k.size()
					prepare(k)
					k.run(max(1, share/len(ways)))
				})
			})
		}
	}
	pods.Wait()
}

// killer is a pod whose sidecar is killed while files are written.
type killer struct {
	*pod

	random *rand.Rand
	// seen are the files that were found in the store as they are to be.
	seen map[string]bool
	// wrapped is the command, where there is one, and stop is the file that ends it.
	wrapped *process
	stop    string
}

func (k *killer) streams() {
	k.mount(1 << 30) // A part is as large as a file needs that fills the file system.
	k.config.Upload = uploader.Stream
}

func (k *killer) wraps() {
	k.config.Completion = uploader.Wrap
	k.stop = filepath.Join(k.TempDir(), "stop")
	k.wrapped = k.start("exec", "--directory", k.config.Directory, "--", "sh", "-c", "until test -e "+k.stop+"; do sleep 0.05; done")
}

func (k *killer) run(times int) {
	k.Helper()
	for i := range times {
		if k.wrapped != nil && i == times-times/3 {
			// Now it is the end of the run that is interrupted.
			k.must(os.WriteFile(k.stop, nil, 0o600))
		}
		r := k.pod.run()
		go k.strike(r, k.random.IntN(4) == 0, time.Duration(k.random.IntN(500))*time.Millisecond)
		if k.wrapped == nil || i < times-times/3 {
			k.next(i)
		}
		if code := r.code(); code != -1 {
			k.Fatalf("the sidecar ends with %d, and not by a signal", code)
		}
		k.right()
	}
	between := len(k.seen)
	last := k.sidecar()
	if k.wrapped != nil {
		if code := k.wrapped.code(); code != 0 {
			k.Errorf("the command ends with %d", code)
		}
		k.complete()
	}
	k.drained(last)
	k.Logf("%d kills, %d files, %d of them stored before the last life", times, len(k.files), between)
}

// strike kills a sidecar a while after it has started, or after it has begun to take files.
func (k *killer) strike(r *process, early bool, after time.Duration) {
	for !early && !strings.Contains(r.text(), `"msg":"ready"`) && syscall.Kill(r.Process.Pid, 0) == nil {
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(after)
	_ = r.Process.Kill() // That it has ended is found by its code.
}

// next writes files as backups do: a large one piece by piece, whose front is written last, and small ones at once, under
// their own name and under a temporary one.
func (k *killer) next(n int) {
	k.Helper()
	for i := range 3 {
		name := fmt.Sprintf("small-%d-%d", n, i)
		data := k.data(1 + k.random.Int64N(100_000))
		if i == 0 {
			k.files[name] = data
			k.must(os.WriteFile(k.path(name+".tmp"), data, 0o600))
			k.must(os.Rename(k.path(name+".tmp"), k.path(name)))
			continue
		}
		k.write(name, data)
	}
	name := fmt.Sprintf("large-%d", n)
	data := k.data(k.size() + k.random.Int64N(k.size()))
	f := k.open(name, os.O_WRONLY|os.O_CREATE)
	const pieces, front = 10, 100
	k.files[name] = data
	_, err := f.Write(make([]byte, front))
	k.must(err)
	for rest := data[front:]; len(rest) > 0; {
		piece := min(len(rest), len(data)/pieces)
		_, err := f.Write(rest[:piece])
		k.must(err)
		rest = rest[piece:]
		time.Sleep(15 * time.Millisecond)
	}
	_, err = f.WriteAt(data[:front], 0)
	k.must(err)
	k.must(f.Close())
}

// right checks everything that is visible: not a wrong byte, and never a part; and that what was deleted is there.
func (k *killer) right() {
	k.Helper()
	for name, want := range k.files {
		if k.seen[name] {
			continue
		}
		_, err := os.Stat(k.path(name))
		got := k.object(name)
		switch {
		case bytes.Equal(got, want):
			k.seen[name] = true
		case got != nil:
			k.Fatalf("%s is visible with %d bytes, and %d were written, or others", name, len(got), len(want))
		case os.IsNotExist(err):
			k.Fatalf("%s was deleted, and is not stored", name)
		}
	}
}
