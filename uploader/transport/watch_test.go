package transport_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// pipes is a network of pipes: what is written waits until it is read.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) connect(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.accepted <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

// Addr implements net.Listener.
func (*pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

// serve makes a server of each connection, and a client that reaches it. It must run in a bubble of package synctest.
func serve(t *testing.T, o transport.Options, server func(context.Context, net.Conn)) *http.Client {
	t.Helper()
	network := newPipes()
	client, err := transport.NewOver(o, network.connect)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := network.Accept()
			if err != nil {
				return
			}
			go server(t.Context(), c)
		}
	}()
	t.Cleanup(func() {
		client.CloseIdleConnections()
		network.Close()
	})
	return client
}

// script is what a server does with a connection.
type script struct {
	// reads is how much of a request it reads; zero: all.
	reads int
	// pause is between the pieces of its answer, and before the first one.
	pause  time.Duration
	answer []string
	// thenSilent keeps the connection open, without another byte.
	thenSilent bool
}

func (s script) play(ctx context.Context, c net.Conn) {
	defer c.Close()
	if s.reads > 0 {
		if _, err := io.CopyN(io.Discard, c, int64(s.reads)); err != nil {
			return
		}
	} else if r, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
		return
	} else if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	for _, text := range s.answer {
		if !sleep(ctx, s.pause) {
			return
		}
		if _, err := io.WriteString(c, text); err != nil {
			return
		}
	}
	if s.thenSilent {
		<-ctx.Done()
	}
}

// sleep waits, and reports whether the test goes on.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

const (
	header      = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
	largeHeader = "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n"
	allowance   = 15 * time.Second // A request is looked at that often.
)

func repeat(text string, n int) []string {
	return strings.Split(strings.Repeat(text+"|", n)[:n*(len(text)+1)-1], "|")
}

// TestProgress has servers that stop, or go on slowly, at every point of a request.
func TestProgress(t *testing.T) {
	plain := func(ctx context.Context) context.Context { return ctx }
	silent := time.Minute
	for name, test := range map[string]struct {
		server script
		kind   func(context.Context) context.Context
		// after is when the request is given up; zero: it is not. says is in the error.
		after time.Duration
		says  string
	}{
		"it says nothing":                     {script{thenSilent: true}, plain, silent, "nothing for 1m0s"},
		"it stops in the header":              {script{answer: []string{header[:20]}, thenSilent: true}, plain, silent, "nothing for 1m0s"},
		"it stops in the body":                {script{answer: []string{header, "1"}, thenSilent: true}, plain, silent, "nothing for 1m0s"},
		"it stops in an object":               {script{answer: []string{header, "1"}, thenSilent: true}, transport.ExpectContent, silent, "nothing for 1m0s"},
		"it stops in a listing":               {script{answer: []string{header, "1"}, thenSilent: true}, transport.ExpectListing, silent, "nothing for 1m0s"},
		"it stops before the end of the join": {script{answer: []string{header, " "}, thenSilent: true}, transport.ExpectJoin, 5 * time.Minute, "nothing for 5m0s"},
		"it joins for four minutes": {
			script{pause: 4 * time.Minute, answer: append([]string{header}, repeat("     ", 2)...)}, transport.ExpectJoin, 0, "",
		},
		"it joins for ever": {
			script{pause: 4 * time.Minute, answer: append([]string{header}, repeat(" ", 9)...), thenSilent: true},
			transport.ExpectJoin, 30 * time.Minute, "not come to the end of its answer within 30m0s",
		},
		"a byte in fifty seconds": {
			script{pause: 50 * time.Second, answer: append([]string{header}, repeat("1", 10)...)}, plain, 2 * time.Minute, "within 2m0s",
		},
		"a byte of the header in fifty seconds": {
			script{pause: 50 * time.Second, answer: strings.Split(header, "")}, plain, 2 * time.Minute, "within 2m0s",
		},
		"a byte of a listing in fifty seconds": {
			script{pause: 50 * time.Second, answer: append([]string{header}, repeat("1", 10)...)}, transport.ExpectListing, 5 * time.Minute, "within 5m0s",
		},
		"a byte of an object in fifty seconds": {
			script{answer: append([]string{largeHeader}, repeat("1", 9)...), pause: 50 * time.Second}, transport.ExpectContent, 5 * time.Minute, "only 6 bytes in 5m0s",
		},
		"a byte of a small object in fifty seconds": {
			script{answer: append([]string{header}, repeat("1", 9)...), pause: 50 * time.Second}, transport.ExpectContent, 2 * time.Minute, "within 2m0s",
		},
		"ten bytes in nine seconds each": {script{pause: 9 * time.Second, answer: append([]string{header}, repeat("1", 10)...)}, plain, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, began := serve(t, transport.Options{}, test.server.play), time.Now()
				req, err := http.NewRequestWithContext(test.kind(t.Context()), http.MethodGet, "http://127.0.0.1/", http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				answer, err := client.Do(req)
				if err == nil {
					_, err = io.ReadAll(answer.Body)
					answer.Body.Close()
				}
				took := time.Since(began)
				if test.after == 0 {
					if err != nil {
						t.Errorf("after %v: %v", took, err)
					}
					return
				}
				if objstore.ClassOf(transport.ClassifyError(t.Context(), err)) != objstore.Transient || !strings.Contains(err.Error(), test.says) {
					t.Errorf("got %v, want %q", err, test.says)
				}
				if took < test.after || took > test.after+allowance+test.server.pause*2 {
					t.Errorf("it took %v, want %v", took, test.after)
				}
			})
		})
	}
}

// slowReader is a file on a disk that is slow.
type slowReader struct {
	left  int
	pause time.Duration
}

func (s *slowReader) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(s.pause)
	n := min(len(p), s.left, 32<<10)
	s.left -= n
	return n, nil
}

// TestProgressOfBodies sends a body to servers that take it slowly, or not, and from a disk that is slow.
func TestProgressOfBodies(t *testing.T) {
	const size = 4 << 20
	answers := []string{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}
	takes := func(each int, pause time.Duration) func(context.Context, net.Conn) {
		return func(ctx context.Context, c net.Conn) {
			defer c.Close()
			for {
				if _, err := io.CopyN(io.Discard, c, int64(each)); err != nil || !sleep(ctx, pause) {
					return
				}
			}
		}
	}
	for name, test := range map[string]struct {
		server func(context.Context, net.Conn)
		disk   time.Duration
		says   string
	}{
		"it takes nothing more":                {script{reads: 1000, thenSilent: true}.play, 0, "nothing for 1m0s"},
		"it takes little":                      {takes(1000, 50*time.Second), 0, "the server has taken and sent "},
		"it takes all and answers nothing":     {script{thenSilent: true}.play, 0, "nothing for 5m0s"},
		"it answers after four minutes":        {script{pause: 4 * time.Minute, answer: answers}.play, 0, ""},
		"the disk needs two minutes for 32 KB": {script{answer: answers}.play, 2 * time.Minute, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := serve(t, transport.Options{}, test.server)
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://127.0.0.1/", &slowReader{size, test.disk})
				if err != nil {
					t.Fatal(err)
				}
				req.ContentLength = size
				answer, err := client.Do(req)
				if err == nil {
					answer.Body.Close()
				}
				if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
					t.Errorf("got %v, want %q", err, test.says)
				}
			})
		})
	}
}

// TestReaderThatTakesItsTime reads an object, and does something else for hours in between: that is not the server's fault.
func TestReaderThatTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := serve(t, transport.Options{}, script{answer: []string{header, "12345", "67890"}}.play)
		req, err := http.NewRequestWithContext(transport.ExpectContent(t.Context()), http.MethodGet, "http://127.0.0.1/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		for range 10 {
			time.Sleep(3 * time.Hour)
			if _, err := io.ReadFull(answer.Body, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestConnectionThatIsNotMade has servers that never take a connection, or never shake hands.
func TestConnectionThatIsNotMade(t *testing.T) {
	for name, test := range map[string]struct {
		url  string
		take bool
	}{"no connection": {"http://127.0.0.1/", false}, "no handshake": {"https://127.0.0.1/", true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := newPipes()
				defer network.Close()
				client, err := transport.NewOver(transport.Options{}, network.connect)
				if err != nil {
					t.Fatal(err)
				}
				if test.take {
					go func() {
						if c, err := network.Accept(); err == nil {
							io.Copy(io.Discard, c)
						}
					}()
				}
				began := time.Now()
				err = transport.ClassifyError(t.Context(), get(t.Context(), client, test.url))
				if took := time.Since(began); objstore.ClassOf(err) != objstore.Transient || took > 20*time.Second {
					t.Errorf("after %v: %v", took, err)
				}
			})
		})
	}
}

// TestStallIsNotTheCallersEnd keeps the error of a request that the caller gives up.
func TestStallIsNotTheCallersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := serve(t, transport.Options{}, script{thenSilent: true}.play)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := get(ctx, client, "http://127.0.0.1/")
		if stalled := new(transport.StallError); !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &stalled) {
			t.Errorf("got %v", err)
		}
	})
}
