package upload_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// attack is what a store does with a request that means harm, or is broken.
type attack struct {
	do func(w http.ResponseWriter, r *http.Request)
	// says is what people are told of it, one of these.
	says []string
}

// raw writes to the connection itself, again and again, until the other side closes it.
func raw(first, again string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_, err = io.WriteString(c, first)
		if again == "" && err == nil {
			_, err = c.Read(make([]byte, 1))
		}
		for block := strings.Repeat(again, 1+(32<<10)/max(1, len(again))); err == nil; {
			_, err = io.WriteString(c, block)
		}
	}
}

// flood answers without an end.
func flood(status int, beginning string) func(http.ResponseWriter, *http.Request) {
	return raw(fmt.Sprintf("HTTP/1.1 %d Flood\r\nContent-Type: application/xml\r\nETag: \"e\"\r\nConnection: close\r\n\r\n%s", status, beginning), "A")
}

// text answers with a whole text.
func text(status int, body string, header ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// gzipBomb is a short text that becomes 200 MiB.
var gzipBomb = func() string {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	for range 200 {
		w.Write(make([]byte, 1<<20))
	}
	w.Close()
	return b.String()
}()

// drip answers with a byte now and then.
func drip(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("ETag", `"e"`)
	w.Header().Set("Content-Length", "50000")
	for {
		if _, err := io.WriteString(w, "L"); err != nil {
			return
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(300 * time.Millisecond):
		}
	}
}

const stopped = "has taken and sent nothing for 1s"

// attacks are on each request.
var attacks = map[string]attack{
	"it says nothing":         {raw("", ""), []string{stopped}},
	"it stops in the header":  {raw("HTTP/1.1 200 OK\r\nContent-Len", ""), []string{stopped}},
	"it stops in the answer":  {raw("HTTP/1.1 400 Bad Request\r\nContent-Length: 99\r\n\r\n<", ""), []string{stopped}},
	"it drips":                {drip, []string{"not come to the end of its answer within 2s", "no ETag", "no request ID", "read the answer"}},
	"an endless refusal":      {flood(400, "<Error><Code>X</Code>"), []string{"of status 400, is longer than 131072 bytes"}},
	"an endless fault":        {flood(500, ""), []string{"of status 500, is longer than 131072 bytes"}},
	"an endless header":       {raw("HTTP/1.1 200 OK\r\n", "X-A: b\r\n"), []string{"headers exceeded"}},
	"endless interim answers": {raw("", "HTTP/1.1 102 Processing\r\nX-A: b\r\n\r\n"), []string{"headers exceeded"}},
	"a page":                  {text(200, "<!doctype html><html>Login</html>"), []string{"a page of HTML"}},
	"a page that was created": {text(201, "<html>Login</html>", "Content-Type", "text/html"), []string{"a page of HTML"}},
	"an empty success":        {text(201, ""), []string{"the answer has no ", "read the answer", "EOF"}},
	"a login":                 {text(302, "<html>Login</html>", "Location", "http://%ELSEWHERE%/login?token=secretToken"), []string{"302", "Found"}},
	"another place":           {text(307, "", "Location", "http://%ELSEWHERE%/steal?token=secretToken"), []string{"307", "308", "TemporaryRedirect"}},
	"entities that grow": {
		text(400, `<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>`+
			`<Error><Code>X</Code><Message>&c;&c;&c;</Message></Error>`), []string{"400"},
	},
	"XML that is deep":      {text(400, strings.Repeat("<a>", 40_000)), []string{"400"}},
	"JSON that is deep":     {text(400, strings.Repeat("[", 120_000), "Content-Type", "application/json"), []string{"nested too deep"}},
	"a compressed bomb":     {text(400, gzipBomb[:100<<10], "Content-Encoding", "gzip"), []string{"400"}},
	"a compressed success":  {text(201, gzipBomb, "Content-Encoding", "gzip", "ETag", `"e"`), []string{""}},
	"fewer bytes than said": {raw("HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\nConnection: close\r\n\r\n<Err", "\x00"), []string{"403"}},
	"words for a terminal": {
		text(403, "<Error><Code>AccessDenied</Code><Message>no\nok    write: all is well\u009b31mRED\u202e</Message></Error>"), []string{"403", "AccessDenied", "Denied"},
	},
}

// hostile puts a store that attacks in front of the real one: those requests for which is returns true. It returns how often a
// client has followed it elsewhere.
func (p *pod) hostile(a attack, is func(*http.Request) bool) *atomic.Int64 {
	p.Helper()
	var followed atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	p.Cleanup(elsewhere.Close)
	p.between(func(w http.ResponseWriter, r *http.Request) bool {
		if !is(r) {
			return false
		}
		a.do(locationWriter{w, elsewhere.Listener.Addr().String()}, r)
		return true
	})
	return &followed
}

// locationWriter writes the address of another server into a redirect.
type locationWriter struct {
	http.ResponseWriter

	elsewhere string
}

func (l locationWriter) WriteHeader(status int) {
	h := l.Header()
	if to := h.Get("Location"); to != "" {
		h.Set("Location", strings.Replace(to, "%ELSEWHERE%", l.elsewhere, 1))
	}
	l.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (l locationWriter) Unwrap() http.ResponseWriter { return l.ResponseWriter }

// Hijack is http.Hijacker's.
func (l locationWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(l.ResponseWriter).Hijack()
}

// maxResident is what a program may have resident, whatever a store sends. At rest it has about 25 MiB.
const maxResident = 80 << 20

var residentPattern = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peak waits for the end of a process, and returns the most that it had resident.
func (r *process) peak() int64 {
	r.t.Helper()
	var most int64
	status := fmt.Sprintf("/proc/%d/status", r.Process.Pid)
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(status)
		if match := residentPattern.FindSubmatch(text); err == nil && match != nil {
			n, _ := strconv.ParseInt(string(match[1]), 10, 64)
			most = max(most, n<<10)
		}
		select {
		case err := <-r.ended:
			r.ended <- err
			return most
		default:
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%v does not end", r.Args[1:])
		}
	}
}

// survives checks that a program has ended as it should, with little memory, and that it prints what happened, and no more.
func (p *pod) survives(r *process, what string, a attack, code int) {
	p.Helper()
	most := r.peak()
	if most == 0 || most > maxResident {
		p.Errorf("%s: it had %d MiB resident", what, most>>20)
	}
	if got := r.code(); got != code {
		p.Errorf("%s: it ends with %d", what, got)
	}
	text := r.text() + p.reason()
	for _, control := range []string{"\x1b", "\u009b", "\u202e", "\nok    write: all"} {
		if strings.Contains(text, control) {
			p.Errorf("%s: %q is printed as it is: %s", what, control, text)
		}
	}
	if strings.Contains(text, "secretToken") || strings.Contains(text, "panic") || len(text) > 256<<10 {
		p.Errorf("%s: %d bytes are printed: %.5000s", what, len(text), text)
	}
	for _, says := range a.says {
		if strings.Contains(text, says) {
			return
		}
	}
	p.Errorf("%s: none of %q is in %.5000s", what, a.says, text)
}

// storeAttacks has the doctor ask a store that attacks with each request.
func (p *pod) storeAttacks() {
	for what, a := range attacks {
		p.Run(what, func(t *testing.T) {
			attacked := newPod(t, p.backend)
			followed := attacked.hostile(a, func(*http.Request) bool { return true })
			attacked.survives(attacked.start("doctor", "--patience=1s", "--stall-timeout=1s"), what, a, 1)
			if n := followed.Load(); n != 0 {
				t.Errorf("it was followed elsewhere %d times", n)
			}
		})
	}
}

// stops has a store that stops in the middle of what each program asks it for.
func (p *pod) stops() {
	r := p.sidecar()
	p.write("small", p.data(1000))
	p.drained(r)
	silent, middle := attacks["it says nothing"], attack{raw("HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 86\r\n\r\nL", ""), []string{stopped}}
	reads := func(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }
	objects := func(r *http.Request) bool { // Google's are described by a GET.
		return r.Method == http.MethodGet && !strings.Contains(r.URL.Path, "manifest") && (p.name != "GCS" || r.FormValue("alt") == "media")
	}
	all := func(*http.Request) bool { return true }
	var programs sync.WaitGroup
	for what, test := range map[string]struct {
		attack attack
		is     func(*http.Request) bool
		args   []string
	}{
		"preflight":                     {silent, all, []string{"preflight"}},
		"preflight, in the probe":       {middle, reads, []string{"preflight"}},
		"run":                           {silent, all, []string{"run"}},
		"doctor, in the probe":          {middle, reads, []string{"doctor", "--patience=1s"}},
		"verify":                        {silent, all, []string{"verify", p.manifestKey()}},
		"verify, in the manifest":       {attack{raw("HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 86\r\n\r\n{", ""), []string{stopped}}, reads, []string{"verify", p.manifestKey()}},
		"verify, in an object":          {middle, objects, []string{"verify", p.manifestKey()}},
		"verify, an endless object":     {attack{flood(200, ""), []string{"FAIL  small"}}, objects, []string{"verify", p.manifestKey()}},
		"verify, an endless manifest":   {attack{flood(200, "{"), []string{"manifest"}}, reads, []string{"verify", p.manifestKey()}},
		"verify, a page":                {attack{text(200, "<!doctype html><html>", "ETag", `"e"`), []string{"manifest"}}, reads, []string{"verify", p.manifestKey()}},
		"verify, fewer bytes than said": {attack{text(200, "{", "ETag", `"e"`, "Content-Length", "100"), []string{"manifest"}}, reads, []string{"verify", p.manifestKey()}},
	} {
		programs.Go(func() {
			p.Run(what, func(t *testing.T) {
				attacked := newPod(t, p.backend)
				attacked.config.Prefix = p.config.Prefix
				attacked.hostile(test.attack, test.is)
				args := append(slices.Clone(test.args), "--stall-timeout=1s")
				if args[0] == "preflight" || args[0] == "run" {
					args = append(args, "--termination-log", attacked.termination)
				}
				attacked.survives(attacked.start(args...), what, test.attack, 1)
			})
		})
	}
	programs.Wait()
}
