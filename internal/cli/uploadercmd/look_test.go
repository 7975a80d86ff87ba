package uploadercmd

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// TestExecOnATerminal shows a bar while the sidecar uploads.
func TestExecOnATerminal(t *testing.T) {
	p := newPod(t, `,"bandwidthLimit":4000000`)
	p.sidecar()
	p.write("dump", make([]byte, 12<<20)) // Three seconds.
	terminal, screen, err := pty.Open()
	p.must(err)
	p.must(pty.Setsize(screen, &pty.Winsize{Rows: 24, Cols: 100}))
	c := p.command("exec", "--directory", p.directory, "--timeout", "60s", "--", "true")
	c.Stderr = screen
	p.must(c.Start())
	p.must(screen.Close())
	shown, err := io.ReadAll(terminal)
	if !errors.Is(err, syscall.EIO) { // The error of a terminal whose other side is closed.
		t.Error(err)
	}
	p.must(terminal.Close())
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	text := string(shown)
	if !regexp.MustCompile(`\ruploading +\d+% \|.*MB/s\)`).MatchString(text) {
		t.Error("there is no bar")
	}
	for _, want := range []string{"\r", "lighterman: 1 files with 12.0 MiB are stored; the manifest is " + manifestKey} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not there", want)
		}
	}
	if t.Failed() {
		t.Logf("%q", text)
	}
}

// TestMetrics reads what the sidecar serves while it runs.
func TestMetrics(t *testing.T) {
	free, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	p := newPod(t, "")
	p.must(free.Close())
	s := p.start("run", "--termination-log", "", "--metrics-address", address)
	p.write("dump", make([]byte, 5000))
	want := regexp.MustCompile(`(?s)lighterman_uploader_bytes_total 5000\n` +
		`.*lighterman_uploader_files_total\{outcome="stored"\} 1\n` +
		`.*lighterman_uploader_files_waiting 0\n` +
		`.*lighterman_uploader_manifest_timestamp_seconds 1\.\d+e\+09\n`)
	var served []byte
	for deadline := time.Now().Add(time.Minute); !want.Match(served); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it serves\n%s", served)
		}
		served = metrics(t, address)
	}
	for line := range bytes.SplitSeq(bytes.TrimSpace(served), []byte("\n")) {
		if !bytes.Contains(line, []byte("lighterman_uploader_")) {
			t.Errorf("it also serves %s", line)
		}
	}
	s.signal(syscall.SIGTERM)
	if code := s.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// metrics returns the metrics of the sidecar, or nil before it serves them.
func metrics(t *testing.T, address string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v", answer.Status, err)
	}
	return text
}
