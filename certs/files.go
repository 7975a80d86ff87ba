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

// pollFiles is the interval at which the files are read. inotify would not do: the kubelet swaps a directory of links,
// network file systems send no events, and a node can run out of inotify instances.
const pollFiles = time.Second

// files serves a certificate and key from files that another program writes, for instance cert-manager through a Secret. An
// invalid pair never replaces a valid one.
type files struct {
	certPath, keyPath string
	pathFile          string // empty: paths prove nothing
	dnsName           string // empty: not checked
	log               logr.Logger

	mu      sync.Mutex
	serving *tls.Certificate
	// certPEM and keyPEM are the last contents of the files, and pairError the reason why they are not served.
	certPEM, keyPEM []byte
	pairError       error
	// suspect is true after pairError was seen once: the two files may have been read in the middle of a change.
	suspect bool
	// tokens are those of the accepted paths, and pathsError the reason why the file that lists them was not taken.
	tokens     []string
	pathsError error
}

func newFiles(o Options, log logr.Logger) *files {
	f := &files{
		certPath:  filepath.Join(o.Dir, "tls.crt"),
		keyPath:   filepath.Join(o.Dir, "tls.key"),
		pathFile:  o.PathFile,
		log:       log.WithValues("dir", o.Dir),
		pairError: fmt.Errorf("%s has not been read yet", o.Dir),
	}
	if len(o.DNSNames) > 0 {
		f.dnsName = o.DNSNames[0]
	}
	return f
}

func (f *files) run(ctx context.Context) error {
	ticker := time.NewTicker(pollFiles)
	defer ticker.Stop()
	for {
		f.loadPair()
		f.loadPaths()
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// loadPair reads the files, and serves the pair if it is new and valid.
func (f *files) loadPair() {
	certPEM, keyPEM, err := f.readPair()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && f.pairError == nil && bytes.Equal(certPEM, f.certPEM) && bytes.Equal(keyPEM, f.keyPEM) {
		return
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = f.parsePair(certPEM, keyPEM)
	}
	if err != nil {
		f.keepPrevious(err)
		return
	}
	f.certPEM, f.keyPEM, f.pairError, f.suspect = certPEM, keyPEM, nil, false
	f.log.Info("serve new certificate", "serial", formatSerial(pair.Leaf), "notAfter", pair.Leaf.NotAfter,
		"dnsNames", pair.Leaf.DNSNames, "previousSerial", servedSerial(f.serving))
	f.serving = &pair
}

// readPair returns the contents of the two files.
func (f *files) readPair() (certPEM, keyPEM []byte, err error) {
	if certPEM, err = os.ReadFile(f.certPath); err != nil {
		return nil, nil, fmt.Errorf("read serving certificate: %w", err)
	}
	if keyPEM, err = os.ReadFile(f.keyPath); err != nil {
		return nil, nil, fmt.Errorf("read key of serving certificate: %w", err)
	}
	return certPEM, keyPEM, nil
}

// parsePair returns the certificate and key if they belong together and API servers accept the certificate for our name.
func (f *files) parsePair(certPEM, keyPEM []byte) (tls.Certificate, error) {
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

// keepPrevious records why the pair that was read is not served. It logs an error once, after it was seen twice.
func (f *files) keepPrevious(err error) {
	switch {
	case f.pairError == nil || f.pairError.Error() != err.Error():
		f.pairError, f.suspect = err, true
	case f.suspect:
		f.suspect = false
		f.log.Error(err, "keep the previous certificate", "serial", servedSerial(f.serving))
	}
}

// minToken is the length of the shortest secret path: 128 bits in hexadecimal digits.
const minToken = 32

// loadPaths reads the accepted paths, one on a line. An invalid file never replaces a valid one.
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
		if f.pathsError == nil || f.pathsError.Error() != err.Error() {
			f.log.Error(err, "keep the previous paths", "paths", len(f.tokens))
		}
		f.pathsError = err
		return
	}
	f.tokens, f.pathsError = tokens, nil
}

func (f *files) acceptsToken(token string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := 0
	for _, t := range f.tokens {
		found |= subtle.ConstantTimeCompare([]byte(t), []byte(token))
	}
	return found == 1
}

func (f *files) currentCertificate() *tls.Certificate {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.serving
}

func (f *files) checkReady(now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.serving != nil && f.pathFile != "" && len(f.tokens) == 0:
		return f.pathsError
	case f.serving != nil && !now.After(f.serving.Leaf.NotAfter):
		return nil
	case f.serving == nil:
		return f.pairError
	case f.pairError != nil:
		return fmt.Errorf("the certificate that is served expired, and %w", f.pairError)
	default:
		return errors.New("the certificate that is served expired: renew " + f.certPath)
	}
}

// servedSerial returns the name of the certificate that is served.
func servedSerial(cert *tls.Certificate) string {
	if cert == nil {
		return ""
	}
	return formatSerial(cert.Leaf)
}
