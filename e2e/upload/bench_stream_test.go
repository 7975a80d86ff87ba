package upload_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"lighterman.dev/lighterman/uploader"
)

// dumped is how fast a dump is written, in bytes per second: less than the store takes.
const dumped = 100 << 20

// BenchmarkStream writes dumps of several sizes through a wrapped command, and tells how long it takes from a dump's last
// byte until the command ends: the object is durable then, and the manifest is written. Beside it stands what of that is the
// store's: versitygw copies all parts one behind the other to join them.
func BenchmarkStream(b *testing.B) {
	program := build(b, "../..", "./cmd/uploader")
	m := newBenchmark(b, 0, 0)
	for _, length := range []int64{1 << 30, 2 << 30, 4 << 30} {
		b.Run("size="+resource.NewQuantity(length, resource.BinarySI).String(), func(b *testing.B) {
			m := m.with(b)
			var sum usage
			for m.Loop() {
				sum.add(m.stream(program, length))
			}
			n := float64(m.N)
			m.ReportMetric(sum.wall.Seconds()/n, "durable-s")
			m.ReportMetric(sum.store.Seconds()/n, "join-s")
			m.ReportMetric(sum.cpu.Seconds()/n, "cpu-s")
			m.ReportMetric(float64(sum.peak)/(1<<20), "peak-MiB")
			m.ReportMetric(0, "ns/op")
		})
	}
}

// stream writes one dump. The wall time is that behind its last byte, the store's that of joining the parts.
func (m *benchmark) stream(program string, length int64) usage {
	m.Helper()
	const prefix = "stream"
	s := m.startSidecar(program, uploader.Config{Prefix: prefix, S3: m.where(), Upload: uploader.Stream})
	wrapped := s.command("exec", "--directory", s.directory, "--", "/bin/sh", "-c", `exec cat > "$0/dump"`, s.spool)
	dump, err := wrapped.StdinPipe()
	m.must(err)
	m.must(wrapped.Start())
	m.must(write(dump, length))
	m.must(dump.Close())
	last := time.Now()
	m.must(wrapped.Wait())
	used := usage{wall: time.Since(last), cpu: cpuTime(wrapped)}
	s.end(&used)
	used.store = s.joined()
	m.remove(prefix)
	return used
}

// joined is how long the store took to complete the upload, as the sidecar's log says.
func (s *measured) joined() time.Duration {
	s.Helper()
	log, err := os.Open(s.log.Name())
	s.must(err)
	defer log.Close()
	for lines := json.NewDecoder(log); ; {
		var line struct {
			What string
			Took time.Duration
		}
		s.must(lines.Decode(&line))
		if strings.HasPrefix(line.What, "complete ") {
			return line.Took
		}
	}
}

// write writes random bytes at the pace of a dump.
func write(w io.Writer, length int64) error {
	random := rand.NewChaCha8([32]byte{})
	chunk := make([]byte, 1<<20)
	began := time.Now()
	for done := int64(0); done < length; done += int64(len(chunk)) {
		if _, err := random.Read(chunk); err != nil {
			return err
		}
		if _, err := w.Write(chunk); err != nil {
			return fmt.Errorf("write the dump: %w", err)
		}
		time.Sleep(time.Until(began.Add(time.Duration(float64(done) / dumped * float64(time.Second)))))
	}
	return nil
}
