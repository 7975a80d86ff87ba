package sidecar_test

import (
	"context"
	"io"
	"iter"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/sidecar"
)

// serveMetrics serves the metrics of the run, and returns their address.
func (h *harness) serveMetrics() string {
	h.Helper()
	listener, err := (&net.ListenConfig{}).Listen(h.Context(), "tcp", "127.0.0.1:0")
	h.must(err)
	address := listener.Addr().String()
	h.must(listener.Close())
	h.options.Metrics = sidecar.NewMetrics()
	go func() { _ = h.options.Metrics.Serve(h.Context(), address) }()
	return address
}

// metric returns the value of a metric; empty: it is not served.
func (h *harness) metric(address, name string) string {
	h.Helper()
	request, err := http.NewRequestWithContext(h.Context(), http.MethodGet, "http://"+address+"/metrics", http.NoBody)
	h.must(err)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	h.must(err)
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			return value
		}
	}
	return ""
}

// A stream that the store refuses goes on when the refusal ends, and both are told.
func TestStreamThatStallsIsToldAndGoesOn(t *testing.T) {
	h := newHarness(t, func(c *uploader.Config) { c.Upload = uploader.Stream })
	address := h.serveMetrics()
	h.ready()
	writer, err := os.Create(filepath.Join(h.spool, "dump"))
	h.must(err)
	defer writer.Close()
	var text strings.Builder
	grow := func() {
		piece := strings.Repeat("0123456789abcdef", 3<<16)
		text.WriteString(piece)
		_, err := writer.WriteString(piece)
		h.must(err)
	}
	grow()
	h.eventually("the file is followed", func() bool { return h.unfinished("payments/pg/dump") })
	class := objstore.Invalid
	h.fault.set(func(call, _ string) error {
		if call == "PutPart" {
			return storeError(class)
		}
		return nil
	})
	grow()
	h.eventually("it is stalled", func() bool { return h.metric(address, "lighterman_uploader_streams_stalled") == "1" })
	h.eventually("the log says so", func() bool { return strings.Contains(h.logs.text(), `msg="stream stalled" path=dump`) })
	h.fault.set(func(string, string) error { return nil })
	h.eventually("it goes on", func() bool { return h.metric(address, "lighterman_uploader_streams_stalled") == "0" })
	h.eventually("the log says so", func() bool { return strings.Contains(h.logs.text(), `msg="stream continues" path=dump`) })
	if got := h.metric(address, "lighterman_uploader_upload_restarts_total"); got != "0" {
		t.Errorf("%s uploads were begun anew", got)
	}

	var once atomic.Bool
	h.fault.set(func(call, _ string) error {
		if call == "PutPart" && once.CompareAndSwap(false, true) {
			return storeError(objstore.NoUpload)
		}
		return nil
	})
	grow()
	h.eventually("it is begun anew", func() bool { return h.metric(address, "lighterman_uploader_upload_restarts_total") == "1" })
	h.must(writer.Close())
	h.stored("dump", text.String())
	h.must(h.end())
}

// A file that no object can hold is an error while it grows, and the drain names it.
func TestStreamThatIsTooLarge(t *testing.T) {
	h := newHarness(t, func(c *uploader.Config) { c.Upload = uploader.Stream })
	h.fault.largest = 4 << 20
	h.ready()
	writer, err := os.Create(filepath.Join(h.spool, "dump"))
	h.must(err)
	defer writer.Close()
	_, err = writer.WriteString(strings.Repeat("0123456789abcdef", 5<<16))
	h.must(err)
	h.eventually("the log says so", func() bool {
		return strings.Contains(h.logs.text(), "larger than the largest object") && strings.Contains(h.logs.text(), "retry=false")
	})
	h.must(writer.Close())
	if err := h.end(); err == nil || !strings.Contains(err.Error(), "larger than the largest object") {
		t.Errorf("got %v", err)
	}
	h.nothingLeft()
}

// When the pod ends, a request that waits is tried at once.
func TestDrainEndsPauses(t *testing.T) {
	h := newHarness(t, nil)
	h.ready()
	var attempts, last atomic.Int64
	h.fault.set(func(call, key string) error {
		if call == "Put" && strings.HasSuffix(key, "/file") {
			last.Store(time.Now().UnixNano())
			attempts.Add(1)
			return storeError(objstore.Transient)
		}
		return nil
	})
	h.write("file", "late")
	h.eventually("pauses are long", func() bool { return attempts.Load() == 6 })
	sixth := last.Load()
	h.eventually("it pauses", func() bool { return strings.Count(h.logs.text(), `msg="retry request"`) >= 6 })
	pauses := regexp.MustCompile(`msg="retry request".* in=(\S+)`).FindAllStringSubmatch(h.logs.text(), -1)
	pause, err := time.ParseDuration(pauses[5][1])
	h.must(err)
	close(h.drain)
	h.eventually("it is tried again", func() bool { return attempts.Load() > 6 })
	if after := time.Duration(last.Load() - sixth); after >= pause {
		t.Errorf("it is tried after %v, and the pause was to be %v", after, pause)
	}
	h.fault.set(func(string, string) error { return nil })
	h.must(h.ended())
	h.stored("file", "late")
}

// listsAll is a store that lists the uploads of all keys, whatever the prefix.
type listsAll struct{ objstore.Store }

func (s listsAll) Unfinished(ctx context.Context, _ string) iter.Seq2[objstore.Unfinished, error] {
	return s.Store.Unfinished(ctx, "")
}

func TestUploadsOfOthersAreNotAborted(t *testing.T) {
	h := newHarness(t, nil)
	h.options.Store = listsAll{h.store}
	for _, key := range []string{"payments/other/file", "payments/pg2/file", "payments/pg/file"} {
		_, err := h.store.Begin(t.Context(), &objstore.Object{Key: key})
		h.must(err)
	}
	h.ready()
	for key, left := range map[string]bool{"payments/other/file": true, "payments/pg2/file": true, "payments/pg/file": false} {
		if h.unfinished(key) != left {
			t.Errorf("the upload of %s is there: %v", key, !left)
		}
	}
}
