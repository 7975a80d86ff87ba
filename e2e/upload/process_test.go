package upload_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// programs is where the uploader's program is; it is built once, when a test first needs it.
var programs string

func TestMain(m *testing.M) {
	var err error
	if programs, err = os.MkdirTemp("", "lighterman-upload-*"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(programs)
	os.Exit(code)
}

var buildProgram = sync.OnceValues(func() (string, error) {
	name := filepath.Join(programs, "uploader")
	build := exec.CommandContext(context.Background(), "go", "build", "-o", name, "./cmd/uploader")
	build.Dir = "../.." // The program is of another module.
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the uploader: %w: %s", err, out)
	}
	return name, nil
})

// process is one of the program's.
type process struct {
	*exec.Cmd

	t     testing.TB
	ended chan error
	mu    sync.Mutex
	logs  bytes.Buffer
}

// start runs the program with an environment.
func start(tb testing.TB, env []string, args ...string) *process {
	tb.Helper()
	program, err := buildProgram()
	if err != nil {
		tb.Fatal(err)
	}
	r := &process{Cmd: exec.CommandContext(context.WithoutCancel(tb.Context()), program, args...), t: tb, ended: make(chan error, 1)}
	r.Env, r.Stderr, r.Stdout = env, r, r
	r.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() { r.ended <- r.Wait() }()
	tb.Cleanup(func() {
		_ = r.Process.Kill() // It has ended by now, where all went well.
		if tb.Failed() {
			tb.Logf("%v:\n%s", args, r.text())
		}
	})
	return r
}

// Write takes what the process prints.
func (r *process) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.logs.Write(b)
}

// text is what it has printed so far.
func (r *process) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.logs.String()
}

// says waits until it prints something.
func (r *process) says(text string) {
	r.t.Helper()
	eventually(r.t, "the process says "+text, func() bool {
		select {
		case err := <-r.ended:
			r.ended <- err
			if !strings.Contains(r.text(), text) {
				r.t.Fatalf("the process has ended without saying %s: %v", text, err)
			}
		default:
		}
		return strings.Contains(r.text(), text)
	})
}

// code waits for its end, and gives its exit code; -1 when a signal ended it.
func (r *process) code() int {
	r.t.Helper()
	select {
	case err := <-r.ended:
		r.ended <- err
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return exit.ExitCode()
		}
		if err != nil {
			r.t.Fatal(err)
		}
		return 0
	case <-time.After(patience):
		r.t.Fatalf("%v does not end", r.Args[1:])
		return -1
	}
}

func (r *process) signal(s syscall.Signal) {
	r.t.Helper()
	if err := r.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// kill ends it without a warning.
func (r *process) kill() {
	r.t.Helper()
	r.signal(syscall.SIGKILL)
	if code := r.code(); code != -1 {
		r.t.Errorf("it was killed, and has ended with %d", code)
	}
}

// patience is for what must come to pass, however slow the machine is.
const patience = 4 * time.Minute

// eventually waits until something has come to pass.
func eventually(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("it does not come to pass that %s", what)
		}
	}
}
