package session_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"lighterman.dev/lighterman/uploader/session"
	"lighterman.dev/lighterman/uploader/storetest"
)

// TestProtocol compares the lines on the socket, byte for byte: a sidecar that was restarted may be of another version.
func TestProtocol(t *testing.T) {
	h := &recorder{}
	dir := serve(t, h)
	for _, test := range []struct{ request, answers, calls string }{
		{`{"ask":"ready"}`, `{"ready":true}`, ""},
		{`{"ask":"start","container":"main"}`, `{}`, "started main"},
		{`{"ask":"failed","container":"main","code":3}`, `{}`, "failed main 3"},
		{
			`{"ask":"finish","container":"main"}`,
			`{"progress":{"files":1,"filesTotal":2,"bytes":3,"bytesTotal":4}}` + "\n" +
				`{"verdict":{"error":"e","manifest":"m","files":2,"bytes":4}}`,
			"store main",
		},
	} {
		conn := dial(t, dir)
		if _, err := fmt.Fprintln(conn, test.request); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(conn)
		for want := range strings.Lines(test.answers) {
			if !lines.Scan() || lines.Text() != strings.TrimSuffix(want, "\n") {
				t.Errorf("%s: got %q, want %q", test.request, lines.Text(), want)
			}
		}
		if got := h.takeCalls(); got != test.calls {
			t.Errorf("%s: the handler was called with %q, want %q", test.request, got, test.calls)
		}
		var r session.Request
		if err := json.Unmarshal([]byte(test.request), &r); err != nil {
			t.Fatal(err)
		}
		if text, err := json.Marshal(r); err != nil || string(text) != test.request {
			t.Errorf("the client writes %s, %v, want %s", text, err, test.request)
		}
		if strings.Contains(test.request, "start") {
			continue // The next test closes such a connection.
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSessionIsLost closes connections: only the end of one that holds a session is a failure of its command.
func TestSessionIsLost(t *testing.T) {
	const start = `{"ask":"start","container":"main"}`
	for name, test := range map[string]struct{ requests, calls string }{
		"a session":  {start, "started main, failed main -1"},
		"no session": {`{"ask":"ready"}`, ""},
		"no request": {`not JSON`, ""},
		"a session that failed": {
			start + "\n" + `{"ask":"failed","container":"main","code":1}`, "started main, failed main 1",
		},
		"a session that is done": {start + "\n" + `{"ask":"finish","container":"main"}`, "started main, store main"},
	} {
		t.Run(name, func(t *testing.T) {
			h := &recorder{}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			dir := storetest.TempDir(t)
			listener, err := session.Listen(ctx, dir)
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan error)
			go func() { served <- session.Serve(ctx, listener, h) }()
			conn := dial(t, dir)
			if _, err := fmt.Fprintln(conn, test.requests); err != nil {
				t.Fatal(err)
			}
			if err := conn.(*net.UnixConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			for lines := bufio.NewScanner(conn); lines.Scan(); { // Until the server has closed its end.
				continue
			}
			cancel()
			if err := <-served; err != nil { // It waits for the connections.
				t.Fatal(err)
			}
			if got := h.takeCalls(); got != test.calls {
				t.Errorf("the handler was called with %q, want %q", got, test.calls)
			}
		})
	}
}

// serve serves a handler, and returns the socket's directory.
func serve(t *testing.T, h session.Handler) string {
	t.Helper()
	dir := storetest.TempDir(t)
	listener, err := session.Listen(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- session.Serve(t.Context(), listener, h) }()
	t.Cleanup(func() { // The test's context has ended.
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return dir
}

func dial(t *testing.T, dir string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", filepath.Join(dir, session.Socket))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// recorder is a handler that records its calls.
type recorder struct {
	mu    sync.Mutex
	calls []string
}

func (r *recorder) record(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, fmt.Sprintf(format, args...))
}

// takeCalls returns the calls since it was called last.
func (r *recorder) takeCalls() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := strings.Join(r.calls, ", ")
	r.calls = nil
	return calls
}

func (*recorder) Ready() bool { return true }

func (r *recorder) CommandStarted(container string) { r.record("started %s", container) }

func (r *recorder) CommandFailed(container string, code int) {
	r.record("failed %s %d", container, code)
}

func (r *recorder) StoreAll(_ context.Context, container string, report func(session.Progress)) session.Verdict {
	r.record("store %s", container)
	report(session.Progress{Files: 1, FilesTotal: 2, Bytes: 3, BytesTotal: 4})
	return session.Verdict{Error: "e", Manifest: "m", Files: 2, Bytes: 4}
}
