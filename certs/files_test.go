package certs

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

func TestFiles(t *testing.T) {
	now := time.Now()
	ca := newTestCA(t, "somebody-else", now.Add(-time.Hour), now.Add(time.Hour))
	dir := t.TempDir()
	// put swaps the directory as kubelet does.
	generation := 0
	put := func(t *testing.T, certPEM, keyPEM []byte) {
		t.Helper()
		generation++
		data := filepath.Join(dir, "..gen"+string(rune('a'+generation)))
		if err := errors.Join(os.Mkdir(data, 0o700),
			os.WriteFile(filepath.Join(data, "tls.crt"), certPEM, 0o600),
			os.WriteFile(filepath.Join(data, "tls.key"), keyPEM, 0o600),
			os.Symlink(filepath.Base(data), filepath.Join(dir, "..tmp")),
			os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data"))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"tls.crt", "tls.key"} {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	f := newFiles(Options{Dir: dir, DNSNames: []string{"x.y.svc"}}, testr.New(t))
	served := func(t *testing.T, want *tls.Certificate) {
		t.Helper()
		f.loadPair()
		if got := f.currentCertificate(); got == nil || !got.Leaf.Equal(want.Leaf) {
			t.Errorf("serves %v, want serial %s", got, formatSerial(want.Leaf))
		}
	}

	f.loadPair()
	if err := f.checkReady(now); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ready without files = %v", err)
	}
	if f.currentCertificate() != nil {
		t.Error("serves a certificate that nobody wrote")
	}

	first := ca.leaf(t, "x.y.svc", now.Add(-time.Minute), now.Add(time.Hour))
	certPEM, keyPEM := pairPEM(t, first)
	put(t, certPEM, keyPEM)
	served(t, first)
	if err := f.checkReady(now); err != nil {
		t.Errorf("ready = %v", err)
	}

	second := ca.leaf(t, "x.y.svc", now.Add(-time.Minute), now.Add(2*time.Hour))
	otherCert, otherKey := pairPEM(t, second)
	put(t, otherCert, keyPEM)
	served(t, first)
	served(t, first)
	if f.pairError == nil || strings.Contains(f.pairError.Error(), "BEGIN") {
		t.Errorf("a certificate with the wrong key is reported as %v", f.pairError)
	}
	if err := f.checkReady(now); err != nil {
		t.Errorf("a broken pair takes readiness from the one that is served: %v", err)
	}
	put(t, []byte("garbage"), otherKey)
	served(t, first)
	wrongCert, wrongKey := pairPEM(t, ca.leaf(t, "other.svc", now, now.Add(time.Hour)))
	put(t, wrongCert, wrongKey)
	served(t, first)
	if !strings.Contains(f.pairError.Error(), "API servers call x.y.svc") {
		t.Errorf("a certificate for another name is reported as %v", f.pairError)
	}

	put(t, otherCert, otherKey)
	served(t, second)
	if err := f.checkReady(now.Add(3 * time.Hour)); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("ready with an expired certificate = %v", err)
	}
}

func TestFilesSource(t *testing.T) {
	now := time.Now()
	ca := newTestCA(t, "somebody-else", now.Add(-time.Hour), now.Add(time.Hour))
	dir := t.TempDir()
	s, err := New(nil, Options{Mode: Files, Dir: dir}, testr.New(t))
	if err != nil {
		t.Fatal(err)
	}
	start(t, s.Start)
	if _, err := s.GetCertificate(nil); err == nil || !strings.Contains(err.Error(), "no serving certificate yet") {
		t.Errorf("GetCertificate before there is one = %v", err)
	}
	for range 2 {
		want := ca.leaf(t, "x.y.svc", now.Add(-time.Minute), now.Add(time.Hour))
		certPEM, keyPEM := pairPEM(t, want)
		if err := errors.Join(os.WriteFile(filepath.Join(dir, "tls.crt"), certPEM, 0o600),
			os.WriteFile(filepath.Join(dir, "tls.key"), keyPEM, 0o600)); err != nil {
			t.Fatal(err)
		}
		eventually(t, 10*time.Second, func() error {
			got, err := s.GetCertificate(nil)
			if err == nil && !got.Leaf.Equal(want.Leaf) {
				err = errors.New("the previous certificate is served")
			}
			return errors.Join(err, s.Ready(nil))
		})
		checkMetrics(t, s, want.Leaf.NotAfter)
	}
}

func checkMetrics(t *testing.T, s *Source, expiry time.Time) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(s)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		got[family.GetName()] = family.GetMetric()[0].GetGauge().GetValue()
	}
	want := map[string]float64{
		"lighterman_serving_certificate_expiry_timestamp_seconds": float64(expiry.Unix()),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

func TestPathFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "path")
	f := newFiles(Options{Dir: t.TempDir(), PathFile: file}, testr.New(t))
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f.loadPaths()
	}
	f.loadPaths()
	if f.acceptsToken("") || !errors.Is(f.pathsError, fs.ErrNotExist) {
		t.Errorf("without the file: %v", f.pathsError)
	}
	first, second := newToken(), newToken()
	write(first + "\n")
	if f.pathsError != nil || !f.acceptsToken(first) || f.acceptsToken(second) || f.acceptsToken("") {
		t.Errorf("with one path: %v", f.pathsError)
	}
	write(first + "\n" + second)
	if !f.acceptsToken(first) || !f.acceptsToken(second) {
		t.Error("with two paths, one is refused")
	}
	for text, want := range map[string]string{"\n": "names no path", second + "\nguess-me": "can be guessed"} {
		write(text)
		if f.pathsError == nil || !strings.Contains(f.pathsError.Error(), want) || strings.Contains(f.pathsError.Error(), "guess-me") {
			t.Errorf("%q: %v, want %q and not the path itself", text, f.pathsError, want)
		}
		if !f.acceptsToken(first) || f.acceptsToken("guess-me") {
			t.Errorf("%q replaced a good file", text)
		}
	}
}
