package upload_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"k8s.io/apimachinery/pkg/api/resource"

	"lighterman.dev/lighterman/e2e/harness/teststores"
)

// benchBucket has no versions: what was measured is deleted.
const benchBucket = "bench"

// benchmark is a store, and what is stored in it.
type benchmark struct {
	*testing.B

	server *teststores.S3
	client *s3.Client
	files  int
	size   int64
	source string
}

// BenchmarkUpload stores the same files with the uploader, with the SDK alone and with the tools that people use, each as
// they are by default, in a store over TLS that keeps connections open. The time of the uploader is that from when the files
// appear in the spool until its wrapped command ends: they are durable then, the manifest is written, and the sidecar ran
// before, as it does in a pod. The time of the others is that of their process. CPU is that of all the tool's processes,
// from their beginning to their end; memory is the largest resident set of one.
func BenchmarkUpload(b *testing.B) {
	for _, load := range []struct {
		files int
		size  int64
	}{{1, 2 << 30}, {2000, 64 << 10}} {
		b.Run(fmt.Sprintf("files=%dx%s", load.files, resource.NewQuantity(load.size, resource.BinarySI)), func(b *testing.B) {
			m := newBenchmark(b, load.files, load.size)
			tools := contenders(b)
			// What runs first finds another machine than what runs last: more memory that is warm, say.
			rand.Shuffle(len(tools), func(i, j int) { tools[i], tools[j] = tools[j], tools[i] })
			for _, tool := range tools {
				b.Run("tool="+tool.name, func(b *testing.B) { m.with(b).measure(tool) })
			}
		})
	}
}

func newBenchmark(b *testing.B, files int, size int64) *benchmark {
	b.Helper()
	m := &benchmark{B: b, server: teststores.Versitygw(b, teststores.S3Options{KeepAlive: true}), files: files, size: size, source: b.TempDir()}
	m.client = m.server.Client(b)
	if _, err := m.client.CreateBucket(b.Context(), &s3.CreateBucketInput{Bucket: new(benchBucket)}); err != nil {
		b.Fatal(err)
	}
	random := rand.NewChaCha8([32]byte{})
	for i := range files {
		f, err := os.Create(filepath.Join(m.source, fmt.Sprintf("file-%04d", i)))
		m.must(err)
		_, err = io.CopyN(f, random, size)
		m.must(err)
		m.must(f.Sync()) // The kernel writes nothing while others are measured.
		m.must(f.Close())
	}
	return m
}

func (m *benchmark) with(b *testing.B) *benchmark {
	b.Helper()
	c := *m
	c.B = b
	return &c
}

func (m *benchmark) must(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

// measure stores the files once each round, below a prefix of its own.
func (m *benchmark) measure(tool contender) {
	m.Helper()
	var sum usage
	for m.Loop() {
		m.StopTimer()
		m.warm()
		began := cpuOf(m, m.server.Process.Pid)
		m.StartTimer()
		used := tool.store(m, tool.name)
		m.StopTimer()
		used.store = cpuOf(m, m.server.Process.Pid) - began
		sum.add(used)
		m.stored(tool.name)
		m.remove(tool.name)
		m.StartTimer()
	}
	n := float64(m.N)
	m.ReportMetric(sum.wall.Seconds()/n, "wall-s")
	m.ReportMetric(sum.cpu.Seconds()/n, "cpu-s")
	m.ReportMetric(float64(sum.peak)/(1<<20), "peak-MiB")
	if sum.idle > 0 {
		m.ReportMetric(float64(sum.idle)/(1<<20), "idle-MiB")
	}
	m.ReportMetric(sum.store.Seconds()/n, "store-cpu-s")
	m.ReportMetric(0, "ns/op") // wall-s says it, without what is between the rounds.
}

// warm reads the source into the page cache: no tool is to wait for the disk.
func (m *benchmark) warm() {
	m.Helper()
	files, err := os.ReadDir(m.source)
	m.must(err)
	for _, file := range files {
		f, err := os.Open(filepath.Join(m.source, file.Name()))
		m.must(err)
		_, err = io.Copy(struct{ io.Writer }{io.Discard}, f)
		m.must(err)
		m.must(f.Close())
	}
}

// stored checks that the bucket has all files.
func (m *benchmark) stored(prefix string) {
	m.Helper()
	files, bytes := 0, int64(0)
	for _, o := range m.objects(prefix) {
		if !strings.Contains(*o.Key, "/.lighterman/") {
			files, bytes = files+1, bytes+*o.Size
		}
	}
	if files != m.files || bytes != int64(m.files)*m.size {
		m.Fatalf("%s stored %d files with %d bytes, of %d with %d", prefix, files, bytes, m.files, int64(m.files)*m.size)
	}
}

func (m *benchmark) objects(prefix string) (all []s3types.Object) {
	m.Helper()
	pages := s3.NewListObjectsV2Paginator(m.client, &s3.ListObjectsV2Input{Bucket: new(benchBucket), Prefix: new(prefix + "/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(m.Context())
		m.must(err)
		all = append(all, page.Contents...)
	}
	return all
}

func (m *benchmark) remove(prefix string) {
	m.Helper()
	for _, o := range m.objects(prefix) {
		_, err := m.client.DeleteObject(m.Context(), &s3.DeleteObjectInput{Bucket: new(benchBucket), Key: o.Key})
		m.must(err)
	}
}

// usage is what an upload took, and what of it was the store's.
type usage struct {
	wall, cpu, store time.Duration
	// peak and idle are resident sets, in bytes.
	peak, idle int64
}

func (u *usage) add(v usage) {
	u.wall += v.wall
	u.cpu += v.cpu
	u.store += v.store
	u.peak, u.idle = max(u.peak, v.peak), max(u.idle, v.idle)
}

// cpuOf is the user and system time of a process that runs, in ticks of 10 ms.
func cpuOf(tb testing.TB, pid int) time.Duration {
	tb.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		tb.Fatal(err)
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	var user, system int64
	if _, err := fmt.Sscan(string(fields[11])+" "+string(fields[12]), &user, &system); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// resident reads a line of a process's status, in bytes; zero once it has ended.
func resident(pid int, line string) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "\n"+line+":")
	var kib int64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return 0
	}
	return kib << 10
}

// watch notes the largest resident set of a process until ctx ends. The kernel's own account of a child that has ended
// begins with the memory of its parent.
func watch(ctx context.Context, pid int) (peak func() int64) {
	most := make(chan int64, 1)
	ctx, stop := context.WithCancel(ctx)
	go func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		var seen int64
		for ctx.Err() == nil {
			seen = max(seen, resident(pid, "VmHWM"))
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
		most <- seen
	}()
	return func() int64 {
		stop()
		return <-most
	}
}
