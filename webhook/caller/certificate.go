package caller

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
)

// AnyName is the allowed name that every certificate of the CA has.
const AnyName = "*"

// pollCA is how often the CA file is read. Like the serving certificate's files it is polled: the kubelet swaps a
// directory of links, and a node can run out of inotify instances.
const pollCA = time.Second

// CertificateOptions configure client certificates.
type CertificateOptions struct {
	// CAFile holds the certificates of the authorities that sign the API servers' client certificates, in PEM. It is read
	// again when it changes. Empty: no client certificate proves anything.
	CAFile string
	// AllowedNames are the names of the API servers: a certificate needs one of them as common name, or as DNS name or
	// URI among its alternative names. AnyName allows all. CAFile requires one: as a rule its authority signs other
	// certificates too, in kubeadm's clusters those of every node.
	AllowedNames []string
}

// certificates verifies client certificates.
type certificates struct {
	file    string
	allowed []string
	log     logr.Logger
	roots   atomic.Pointer[roots]
}

// roots are the authorities of one version of the file.
type roots struct {
	pem  []byte
	pool *x509.CertPool
}

// newCertificates returns nil where no CA file is named.
func newCertificates(o CertificateOptions, log logr.Logger) (*certificates, error) {
	switch {
	case o.CAFile == "" && len(o.AllowedNames) == 0:
		return nil, nil
	case o.CAFile == "":
		return nil, errors.New("--client-allowed-name: there is no CA to check certificates with: set --client-ca-file too")
	case len(o.AllowedNames) == 0:
		return nil, fmt.Errorf("--client-ca-file: whose certificates are the API servers'? Set --client-allowed-name to their common name, or to %s if this CA signs no others", AnyName)
	case slices.Contains(o.AllowedNames, ""):
		return nil, errors.New("--client-allowed-name is empty: write the common name of the API servers' client certificate")
	}
	c := &certificates{file: o.CAFile, allowed: o.AllowedNames, log: log.WithValues("file", o.CAFile)}
	loaded, err := c.loadRoots()
	if err != nil {
		return nil, fmt.Errorf("--client-ca-file: %w", err)
	}
	c.roots.Store(loaded)
	return c, nil
}

func (c *certificates) loadRoots() (*roots, error) {
	text, err := os.ReadFile(c.file)
	if err != nil {
		return nil, err
	}
	loaded := &roots{pem: text, pool: x509.NewCertPool()}
	found := 0
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%s holds a %s: only the CA's certificates belong there", c.file, quoteShort(block.Type))
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", c.file, err)
		}
		loaded.pool.AddCert(certificate)
		found++
	}
	if found == 0 {
		return nil, fmt.Errorf("%s holds no certificate in PEM", c.file)
	}
	return loaded, nil
}

// watchFile reads the file again until ctx ends. A file that cannot be used never replaces one that can.
func (c *certificates) watchFile(ctx context.Context) {
	ticker := time.NewTicker(pollCA)
	defer ticker.Stop()
	var failed string
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		loaded, err := c.loadRoots()
		switch {
		case err != nil && err.Error() != failed:
			failed = err.Error()
			c.log.Error(err, "keep previous client CA")
		case err == nil && !bytes.Equal(loaded.pem, c.roots.Load().pem):
			c.roots.Store(loaded)
			c.log.Info("load new client CA")
			failed = ""
		case err == nil:
			failed = ""
		}
	}
}

// verify reports why the certificates of a TLS client, its own first, do not prove that it is an API server. The
// handshake has proved that the client has the key.
func (c *certificates) verify(chain []*x509.Certificate, now time.Time) error {
	leaf, intermediates := chain[0], x509.NewCertPool()
	for _, certificate := range chain[1:] {
		intermediates.AddCert(certificate)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: c.roots.Load().pool, Intermediates: intermediates, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return fmt.Errorf("the client certificate of %s: %s", quoteShort(leaf.Subject.CommonName), quoteShort(err.Error()))
	}
	if !c.allowsName(leaf) {
		return fmt.Errorf("the client certificate of %s has no name that --client-allowed-name lists", quoteShort(leaf.Subject.CommonName))
	}
	return nil
}

func (c *certificates) allowsName(leaf *x509.Certificate) bool {
	return slices.ContainsFunc(c.allowed, func(name string) bool {
		return name == AnyName || name == leaf.Subject.CommonName || slices.Contains(leaf.DNSNames, name) ||
			slices.ContainsFunc(leaf.URIs, func(uri *url.URL) bool { return uri.String() == name })
	})
}
