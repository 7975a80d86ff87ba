package certs

import (
	"bytes"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
)

// pollFiles is how often the files are read. It is polling, not inotify: kubelet swaps a directory of links, network
// file systems send no events, and a node can run out of inotify instances.
const pollFiles = time.Second

// files serves a pair that somebody else writes. A pair that cannot be used never replaces one that can.
type files struct {
	certPath, keyPath string
	pathFile          string // empty: paths prove nothing
	dnsName           string // empty: not checked
	log               logr.Logger

	mu      sync.Mutex
	serving *tls.Certificate
	// certPEM and keyPEM are what was read last, and failed what was wrong with it.
	certPEM, keyPEM []byte
	failed          error
	// suspect is a failure that was seen once: the two files may have been read in the middle of a change.
	suspect bool
	// tokens are those of the paths that are accepted, and pathsFailed what was wrong with the file that names them.
	tokens      []string
	pathsFailed error
}

func newFiles(o Options, log logr.Logger) *files {
	f := &files{
		certPath: filepath.Join(o.Dir, "tls.crt"),
		keyPath:  filepath.Join(o.Dir, "tls.key"),
		pathFile: o.PathFile,
		log:      log.WithValues("dir", o.Dir),
		failed:   fmt.Errorf("%s has not been read yet", o.Dir),
	}
	if len(o.DNSNames) > 0 {
		f.dnsName = o.DNSNames[0]
	}
	return f
}

func (f *files) start(ctx context.Context) error {
	ticker := time.NewTicker(pollFiles)
	defer ticker.Stop()
	for {
		f.load()
		f.loadPaths()
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// load reads the pair, and serves it if it is new and sound.
func (f *files) load() {
	certPEM, keyPEM, err := f.read()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && f.failed == nil && bytes.Equal(certPEM, f.certPEM) && bytes.Equal(keyPEM, f.keyPEM) {
		return
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = f.parse(certPEM, keyPEM)
	}
	if err != nil {
		f.fail(err)
		return
	}
	f.certPEM, f.keyPEM, f.failed, f.suspect = certPEM, keyPEM, nil, false
	f.log.Info("Serve new certificate", "serial", serial(pair.Leaf), "notAfter", pair.Leaf.NotAfter,
		"dnsNames", pair.Leaf.DNSNames, "previousSerial", servedSerial(f.serving))
	f.serving = &pair
}

func (f *files) read() (certPEM, keyPEM []byte, err error) {
	if certPEM, err = os.ReadFile(f.certPath); err != nil {
		return nil, nil, fmt.Errorf("read serving certificate: %w", err)
	}
	if keyPEM, err = os.ReadFile(f.keyPath); err != nil {
		return nil, nil, fmt.Errorf("read key of serving certificate: %w", err)
	}
	return certPEM, keyPEM, nil
}

func (f *files) parse(certPEM, keyPEM []byte) (tls.Certificate, error) {
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("load %s and %s: %w", f.certPath, f.keyPath, err)
	}
	if f.dnsName == "" {
		return pair, nil
	}
	if err := pair.Leaf.VerifyHostname(f.dnsName); err != nil {
		return tls.Certificate{}, fmt.Errorf("load %s: API servers call %s: %w", f.certPath, f.dnsName, err)
	}
	return pair, nil
}

// fail keeps what is served. It logs what is news, and that only when it is seen twice.
func (f *files) fail(err error) {
	switch {
	case f.failed == nil || f.failed.Error() != err.Error():
		f.failed, f.suspect = err, true
	case f.suspect:
		f.suspect = false
		f.log.Error(err, "Keep the previous certificate", "serial", servedSerial(f.serving))
	}
}

// minToken is the length of the shortest secret path: 128 bits in hexadecimal digits.
const minToken = 32

// loadPaths reads the paths that are accepted, one on a line. A file that cannot be used never replaces one that can.
func (f *files) loadPaths() {
	if f.pathFile == "" {
		return
	}
	content, err := os.ReadFile(f.pathFile)
	tokens := strings.Fields(string(content))
	switch {
	case err != nil:
		err = fmt.Errorf("read the webhook's paths: %w", err)
	case len(tokens) == 0:
		err = fmt.Errorf("%s names no path: write one on each line", f.pathFile)
	case slices.ContainsFunc(tokens, func(token string) bool { return len(token) < minToken }):
		err = fmt.Errorf("%s holds a path of fewer than %d characters, which can be guessed: make one with openssl rand -hex 32", f.pathFile, minToken)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		if f.pathsFailed == nil || f.pathsFailed.Error() != err.Error() {
			f.log.Error(err, "Keep the previous paths", "paths", len(f.tokens))
		}
		f.pathsFailed = err
		return
	}
	f.tokens, f.pathsFailed = tokens, nil
}

func (f *files) accepts(token string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := 0
	for _, t := range f.tokens {
		found |= subtle.ConstantTimeCompare([]byte(t), []byte(token))
	}
	return found == 1
}

func (f *files) current() *tls.Certificate {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.serving
}

func (f *files) ready(now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.serving != nil && f.pathFile != "" && len(f.tokens) == 0:
		return f.pathsFailed
	case f.serving != nil && !now.After(f.serving.Leaf.NotAfter):
		return nil
	case f.serving == nil:
		return f.failed
	case f.failed != nil:
		return fmt.Errorf("the certificate that is served expired, and %w", f.failed)
	default:
		return errors.New("the certificate that is served expired: renew " + f.certPath)
	}
}

func servedSerial(cert *tls.Certificate) string {
	if cert == nil {
		return ""
	}
	return serial(cert.Leaf)
}
