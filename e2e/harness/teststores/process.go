package teststores

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"lighterman.dev/lighterman/e2e/harness/pki"
)

// Files are what a server's certificate is made of, on disk.
type Files struct {
	// CA is the authority that clients must trust.
	CA string
	// Cert and Key are the server's, for localhost, 127.0.0.1 and store.example, which only a proxy can find.
	Cert, Key string
}

// Certificate makes an authority and a certificate signed by it.
func Certificate(tb testing.TB) Files {
	tb.Helper()
	ca, err := pki.NewCA("lighterman e2e")
	if err != nil {
		tb.Fatal(err)
	}
	pair, err := ca.Issue(pki.Leaf{CommonName: "localhost", DNSNames: []string{"localhost", "store.example"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}})
	if err != nil {
		tb.Fatal(err)
	}
	dir := tb.TempDir()
	files := Files{CA: filepath.Join(dir, "ca.crt"), Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}
	for name, pem := range map[string][]byte{files.CA: ca.CertPEM(), files.Cert: pair.CertPEM, files.Key: pair.KeyPEM} {
		if err := os.WriteFile(name, pem, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return files
}

// process is a server that runs until the test ends.
type process struct {
	name string
	args []string
	env  []string
	// address is where it listens when it is ready.
	address string
}

// start runs the server and waits until it listens. The test fails with what the server printed.
func (p process) start(tb testing.TB) *os.Process {
	tb.Helper()
	log := filepath.Join(tb.TempDir(), "log")
	out, err := os.Create(log)
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(p.name, p.args...) //nolint:noctx // Its end is the test's cleanup.
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + tb.TempDir()}, p.env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tb.Cleanup(func() {
		cmd.Process.Kill()
		<-ended //nolint:errcheck // It was killed.
		out.Close()
		if tb.Failed() {
			tb.Logf("%s:\n%s", filepath.Base(p.name), tail(log))
		}
	})
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	for {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", p.address)
		if err == nil {
			c.Close()
			return cmd.Process
		}
		select {
		case err := <-ended:
			ended <- err
			tb.Fatalf("%s ended before it listened: %v", filepath.Base(p.name), err)
		case <-ctx.Done():
			tb.Fatalf("%s does not listen on %s: %v", filepath.Base(p.name), p.address, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// tail is the end of a log.
func tail(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	const most = 4000
	if info, err := f.Stat(); err == nil && info.Size() > most {
		f.Seek(-most, io.SeekEnd)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// freeAddress returns an address on loopback that is not in use.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// dirs makes directories below one that is removed with the test.
func dirs(tb testing.TB, base string, names ...string) []string {
	tb.Helper()
	root, err := os.MkdirTemp(base, "lighterman-*") //nolint:usetesting // It is to be in memory.
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(root) })
	var paths []string
	for _, name := range names {
		path := filepath.Join(root, name)
		if err := os.Mkdir(path, 0o755); err != nil {
			tb.Fatal(fmt.Errorf("make a directory for the store: %w", err))
		}
		paths = append(paths, path)
	}
	return paths
}

func split(tb testing.TB, address string) (host, port string) {
	tb.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		tb.Fatal(err)
	}
	return host, port
}
