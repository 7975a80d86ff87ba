package lightermancmd

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// maxResident is what the process may take in any flood: half of the chart's limit.
const maxResident = 128

// floodTime is how long each flood lasts.
const floodTime = 4 * time.Second

// floods are what strangers do to the port, each by many at the same time until the context ends.
var floods = []struct {
	name    string
	workers int
	// attack is done again and again.
	attack func(context.Context, *flooded)
}{
	{"pods whose patch cannot be stored", 32, postAgain(floodPod(2000, "fat"))},
	{"24 KiB pods with the fattest profile", 32, postAgain(floodPod(150, "fat"))},
	{"the largest patches", 32, postAgain(floodPod(4, "fat"))},
	{"the largest patches, never read", 64, neverRead(floodPod(4, "fat"))},
	{"many containers and the leanest profile", 32, postAgain(floodPod(1000, "lean"))},
	{"reviews that decode to much more", 32, postAgain(floodReview(`{"spec":{"containers":[` + strings.Repeat(`{},`, 55_000) + `{}]}}`))},
	{"too many elements", 32, postAgain(floodReview(`{"spec":{"containers":[{"envFrom":[` + strings.Repeat(`{},`, 1_000_000) + `{}]}]}}`))},
	{"names in an annotation", 32, postAgain(floodReview(`{"metadata":{"annotations":{"lighterman.dev/profile":"lean","lighterman.dev/containers":"` +
		strings.Repeat("c9,", 416_666) + `"}},"spec":{"containers":[{"name":"c9"}]}}`))},
	{"nesting", 32, postAgain(bytes.Repeat([]byte("["), 3<<20))},
	{"bodies that never end, 8 MiB announced", 64, sendSlowly("Content-Length: 8388608", bytes.Repeat([]byte(" "), 8_000_000))},
	{"bodies that never end, 4 MiB announced", 64, sendSlowly("Content-Length: 4194304", bytes.Repeat([]byte(" "), 4_000_000))},
	{"small bodies that never end", 500, sendSlowly("Content-Length: 32768", bytes.Repeat([]byte(" "), 32_000))},
	{"chunks without end", 32, sendSlowly("Transfer-Encoding: chunked", bytes.Repeat([]byte("1000\r\n"+strings.Repeat(" ", 4096)+"\r\n"), 4000))},
	{"headers that never end", 600, sendHeaders},
	{"idle connections", 600, hold},
	{"handshakes that never begin", 600, holdPlain},
	{"half-closed in the body", 128, halfClose(floodPod(25, "fat")[:2000])},
	{"half-closed after the body", 128, halfClose(floodPod(4, "fat"))},
	{"HTTP/2 streams that are reset", 64, resetStreams},
}

// TestFloods runs the real program with the chart's memory limit, and has strangers flood its port: memory stays flat, and a
// pod that comes in between is admitted in time.
func TestFloods(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the memory of a process is read from /proc")
	}
	f := startFlooded(t)
	for _, flood := range floods {
		t.Run(flood.name, func(t *testing.T) {
			f.resetPeak(t)
			ctx, cancel := context.WithTimeout(t.Context(), floodTime)
			defer cancel()
			var group sync.WaitGroup
			for range flood.workers {
				group.Go(func() {
					for ctx.Err() == nil {
						flood.attack(ctx, f)
					}
				})
			}
			slowest, answered, failed := probe(ctx, f)
			group.Wait()
			now, peak := f.resident(t)
			t.Logf("%-42s peak %3d MiB, now %3d; %d answered in between, the slowest after %v", flood.name, peak, now, answered,
				slowest.Round(time.Millisecond))
			if peak > maxResident {
				t.Errorf("%d MiB of memory, want at most %d", peak, maxResident)
			}
			if failed != nil || answered == 0 {
				t.Errorf("%d pods were answered: %v", answered, failed)
			}
		})
	}
	t.Run("HTTP/2 is not spoken", func(t *testing.T) { checkNoHTTP2(t, f) })
}

// probe admits ordinary pods, one after the other, as an API server does that has a connection and now and then needs a
// new one. The API server waits 5 seconds.
func probe(ctx context.Context, f *flooded) (slowest time.Duration, answered int, failed error) {
	client := f.client("127.0.0.1")
	defer client.CloseIdleConnections()
	body := floodPod(2, "lean")
	for ctx.Err() == nil {
		start := time.Now()
		response, err := f.post(context.WithoutCancel(ctx), client, bytes.NewReader(body))
		took := time.Since(start)
		switch {
		case err != nil:
			failed = err
		case !response.Allowed || len(response.Patch) == 0:
			failed = fmt.Errorf("not injected: %+v", response.Result)
		case took > 5*time.Second:
			failed = fmt.Errorf("answered after %v", took)
		default:
			answered++
		}
		slowest = max(slowest, took)
		if answered%5 == 0 {
			client.CloseIdleConnections()
		}
		time.Sleep(50 * time.Millisecond)
	}
	return slowest, answered, failed
}

func floodReview(object string) []byte {
	return []byte(`{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u","kind":{"group":"","version":"v1","kind":"Pod"},` +
		`"resource":{"group":"","version":"v1","resource":"pods"},"namespace":"payments","operation":"CREATE","dryRun":true,"object":` + object + `}}`)
}

// floodPod is a pod as the API server sends it, with its defaults.
func floodPod(containers int, profile string) []byte {
	list := make([]string, containers)
	for i := range list {
		list[i] = fmt.Sprintf(`{"name":"c%d","image":"x","resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"Always"}`, i)
	}
	return floodReview(fmt.Sprintf(`{"metadata":{"name":"p","annotations":{"lighterman.dev/profile":%q}},"spec":{"containers":[%s]}}`,
		profile, strings.Join(list, ",")))
}

// checkNoHTTP2 has clients insist on HTTP/2: there is none to attack.
func checkNoHTTP2(t *testing.T, f *flooded) {
	t.Helper()
	c, err := f.dialFrom(t.Context(), "127.0.0.66")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if err := tls.Client(c, strangers("h2")).HandshakeContext(t.Context()); err == nil {
		t.Error("HTTP/2 was agreed on")
	}
	prior, err := f.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = prior.Close() }()
	start := time.Now()
	if _, err := prior.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(prior)
	if took := time.Since(start); err != nil || took > 5*time.Second || bytes.Contains(answer, []byte("200 OK")) {
		t.Errorf("after %v: %v, %q", took, err, answer)
	}
}
