package session_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
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
		{`{"ask":"start","container":"main"}`, `{}`, "started main "},
		{`{"ask":"start","container":"main","session":"S","began":"2026-01-02T03:04:05Z"}`, `{}`, "started main S"},
		{`{"ask":"start","container":"refused"}`, `{"error":"refused"}`, "started refused "},
		{`{"ask":"failed","container":"main","session":"S","code":3}`, `{}`, "failed main S 3"},
		{
			`{"ask":"finish","container":"main","ending":true}`,
			`{"progress":{"files":1,"filesTotal":2,"bytes":3,"bytesTotal":4,"waitingFor":["other"]}}` + "\n" +
				`{"verdict":{"error":"e","manifest":"m","state":"open","files":2,"bytes":4}}`,
			"store main  true",
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

// TestContainerSpeaksForItselfAlone tries every request on every socket, in the name of each container.
func TestContainerSpeaksForItselfAlone(t *testing.T) {
	h := &recorder{}
	dir := serve(t, h, "a", "b")
	own := func(container string) string { return session.ContainerDirectory(dir, container) }
	for _, test := range []struct{ dir, request, answer, calls string }{
		{dir, `{"ask":"ready"}`, `{"ready":true}`, ""},
		{own("a"), `{"ask":"ready"}`, `{"ready":true}`, ""},
		{own("a"), `{"ask":"start","container":"refused"}`, `{"error":"\"start\" is refused: container \"a\" cannot speak for container \"refused\""}`, ""},
		{own("a"), `{"ask":"failed","code":1}`, `{}`, "failed a  1"},
		{own("b"), `{"ask":"failed","container":"b","code":1}`, `{}`, "failed b  1"},
		{own("a"), `{"ask":"steal"}`, `{"error":"the request \"steal\" does not exist"}`, ""},
	} {
		if got := askLine(t, test.dir, test.request); got != test.answer || h.takeCalls() != test.calls {
			t.Errorf("%s in %s: got %s", test.request, test.dir, got)
		}
	}
	for _, ask := range []string{session.AskStart, session.AskFinish, session.AskFailed} {
		for _, container := range []string{"a", "b", "c", "", "../a", "A"} {
			for _, from := range []string{dir, own("a"), own("b")} {
				if from == own(container) || (container == "" && from != dir) {
					continue // It speaks for itself.
				}
				request := fmt.Sprintf(`{"ask":%q,"container":%q}`, ask, container)
				got, calls := askLine(t, from, request), h.takeCalls()
				if !strings.Contains(got, "refused") || calls != "" {
					t.Errorf("%s in %s: got %s and the calls %q", request, from, got, calls)
				}
			}
		}
	}
}

// TestSocketsAreBounded opens more connections than a socket takes: those of the others are served.
func TestSocketsAreBounded(t *testing.T) {
	dir := serve(t, &recorder{}, "a", "b")
	for range 100 {
		c := dial(t, session.ContainerDirectory(dir, "a"))
		defer c.Close()
	}
	if got := askLine(t, session.ContainerDirectory(dir, "b"), `{"ask":"ready"}`); got != `{"ready":true}` {
		t.Errorf("got %s", got)
	}
	if got := askLine(t, session.ContainerDirectory(dir, "a"), `{"ask":"ready"}`); got != "" {
		t.Errorf("one connection too many is answered: %s", got)
	}
}

// askLine sends one line to a socket, and returns the first line of the answer.
func askLine(t *testing.T, dir, request string) string {
	t.Helper()
	conn := dial(t, dir)
	defer conn.Close()
	_, _ = fmt.Fprintln(conn, request) // Reading finds that the connection is closed.
	lines := bufio.NewScanner(conn)
	lines.Scan()
	return lines.Text()
}

// TestSessionIsLost closes connections: only the end of one that holds a session is a failure of its command.
func TestSessionIsLost(t *testing.T) {
	const start = `{"ask":"start","container":"main"}`
	for name, test := range map[string]struct{ requests, calls string }{
		"a session":                 {start, "started main , lost main "},
		"no session":                {`{"ask":"ready"}`, ""},
		"no request":                {`not JSON`, ""},
		"a session that is refused": {`{"ask":"start","container":"refused"}`, "started refused "},
		"a session that failed": {
			start + "\n" + `{"ask":"failed","container":"main","code":1}`, "started main , failed main  1",
		},
		"a session that is done": {start + "\n" + `{"ask":"finish","container":"main"}`, "started main , store main  false"},
	} {
		t.Run(name, func(t *testing.T) {
			h := &recorder{}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			dir := storetest.TempDir(t)
			server, err := session.Listen(ctx, dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan error)
			go func() { served <- server.Serve(ctx, h) }()
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

// serve serves a handler, and returns the sockets' directory.
func serve(t *testing.T, h session.Handler, containers ...string) string {
	t.Helper()
	dir := storetest.TempDir(t)
	server, err := session.Listen(t.Context(), dir, containers)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- server.Serve(t.Context(), h) }()
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

func (r *recorder) CommandStarted(a session.Attempt) error {
	r.record("started %s %s", a.Container, a.Session)
	if a.Container == "refused" {
		return errors.New("refused")
	}
	return nil
}

func (r *recorder) CommandFailed(a session.Attempt, code int) error {
	r.record("failed %s %s %d", a.Container, a.Session, code)
	return nil
}

func (r *recorder) SessionLost(a session.Attempt) { r.record("lost %s %s", a.Container, a.Session) }

func (r *recorder) StoreAll(
	_ context.Context, a session.Attempt, ending bool, report func(session.Progress),
) *session.Verdict {
	r.record("store %s %s %v", a.Container, a.Session, ending)
	report(session.Progress{Files: 1, FilesTotal: 2, Bytes: 3, BytesTotal: 4, WaitingFor: []string{"other"}})
	return &session.Verdict{Error: "e", Manifest: "m", State: "open", Files: 2, Bytes: 4}
}
