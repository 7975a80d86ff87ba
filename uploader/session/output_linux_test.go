package session_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// openDescriptors returns how many descriptors this process has open.
func openDescriptors(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// exchange sends a line with descriptors, and returns the answer.
func exchange(t *testing.T, dir, line string, descriptors ...int) (answer string, end func()) {
	t.Helper()
	conn, ok := dial(t, dir).(*net.UnixConn)
	if !ok {
		t.Fatal("the connection is none of a Unix socket")
	}
	if _, _, err := conn.WriteMsgUnix([]byte(line+"\n"), syscall.UnixRights(descriptors...), nil); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(conn)
	lines.Scan()
	return lines.Text(), func() { conn.Close() }
}

// A container may pass anything: nothing but the read end of a pipe is taken, and nothing stays open.
func TestPassedDescriptors(t *testing.T) {
	h := &recorder{}
	dir := serve(t, h)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	both, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, f := range []*os.File{r, w, both, file} {
			f.Close()
		}
	}()
	const start = `{"ask":"start","container":"main","stdout":"dump"}`
	const refused = "what was passed is not a pipe that can be read"
	read := int(r.Fd())
	surplus := make([]int, 50)
	for i := range surplus {
		surplus[i] = int(file.Fd())
	}
	for name, test := range map[string]struct {
		line        string
		descriptors []int
		answer      string
	}{
		"no descriptor":              {start, nil, `"copy":true`},
		"a file":                     {start, []int{int(file.Fd())}, refused},
		"the write end":              {start, []int{int(w.Fd())}, refused},
		"a pipe open for both":       {start, []int{int(both.Fd())}, refused},
		"more than there is room":    {start, surplus, refused},
		"a pipe that is not wanted":  {strings.Replace(start, "main", "unwanted", 1), []int{read}, `"unwanted","final":true`},
		"a pipe for another request": {`{"ask":"ready"}`, []int{read, read}, `"ready":true`},
		"a pipe without an output":   {`{"ask":"start","container":"main"}`, []int{read}, `{}`},
	} {
		before := openDescriptors(t)
		answer, end := exchange(t, dir, test.line, test.descriptors...)
		if !strings.Contains(answer, test.answer) {
			t.Errorf("%s: got %s", name, answer)
		}
		end()
		for deadline := time.Now().Add(10 * time.Second); openDescriptors(t) > before; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %d descriptors are open, and %d were", name, openDescriptors(t), before)
			}
		}
	}
	h.takeCalls()
	answer, end := exchange(t, dir, start, read, read, int(file.Fd()))
	defer end()
	if answer != "{}" {
		t.Errorf("the read end: got %s", answer)
	}
	fmt.Fprint(w, "what is written")
	w.Close()
	h.await(t, `output main dump "what is written" <nil>`)
}

// await waits until the handler was called.
func (r *recorder) await(t *testing.T, call string) {
	t.Helper()
	seen := ""
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(seen, call); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the handler was called with %q, want %q", seen, call)
		}
		seen += r.takeCalls()
	}
}

// Where the pipe did not arrive, the output follows on a connection of its own.
func TestCopiedOutput(t *testing.T) {
	h := &recorder{}
	dir := serve(t, h)
	answer, end := exchange(t, dir, `{"ask":"start","container":"main","stdout":"dump"}`)
	defer end()
	if answer != `{"copy":true}` {
		t.Errorf("got %s", answer)
	}
	conn, ok := dial(t, dir).(*net.UnixConn)
	if !ok {
		t.Fatal("the connection is none of a Unix socket")
	}
	defer conn.Close()
	fmt.Fprintln(conn, `{"ask":"output","container":"main","stdout":"dump"}`)
	lines := bufio.NewScanner(conn)
	if !lines.Scan() || lines.Text() != "{}" {
		t.Errorf("got %q", lines.Text())
	}
	fmt.Fprint(conn, "what is\nwritten")
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	h.await(t, `output main dump "what is\nwritten" <nil>`)
}
