package transport

import (
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"time"

	"lighterman.dev/lighterman/uploader/objstore"
)

// roots are the authorities of a file that may change: a bundle is mounted, and renewed, while the pod runs.
type roots struct {
	file string

	mu       sync.Mutex
	pool     *x509.CertPool // nil: the system's
	modified time.Time
}

func newRoots(file string) (*roots, error) {
	r := &roots{file: file}
	_, err := r.currentPool()
	return r, objstore.AsMisconfigured(err, "look at the ConfigMap or Secret that spec.caBundle names, and its key")
}

// currentPool reads the file if it has changed. A file that cannot be read any more leaves what was read before: the kubelet
// replaces it in two steps.
func (r *roots) currentPool() (*x509.CertPool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == "" {
		return nil, nil // As crypto/tls has it: nil is the system's pool.
	}
	pool, modified, err := r.readIfChanged()
	switch {
	case err != nil && r.pool == nil:
		return nil, fmt.Errorf("read CA file: %w", err)
	case err == nil && pool != nil:
		r.pool, r.modified = pool, modified
	}
	return r.pool, nil
}

// readIfChanged returns the file's authorities; no pool where the file has not changed.
func (r *roots) readIfChanged() (*x509.CertPool, time.Time, error) {
	info, err := os.Stat(r.file)
	if err != nil {
		return nil, time.Time{}, err
	}
	if info.ModTime().Equal(r.modified) {
		return nil, r.modified, nil
	}
	pem, err := os.ReadFile(r.file)
	if err != nil {
		return nil, time.Time{}, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, time.Time{}, fmt.Errorf("%s has no certificate: it must be PEM, -----BEGIN CERTIFICATE-----", r.file)
	}
	return pool, info.ModTime(), nil
}
