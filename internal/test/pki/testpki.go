package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority is a CA of a test.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority makes a CA that parent signs; nil: a root.
func NewAuthority(tb testing.TB, parent *Authority) *Authority {
	tb.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	certificate, key := sign(tb, template, parent)
	return &Authority{certificate, key}
}

// sign fills in what every certificate has. Without a parent it is self-signed.
func sign(tb testing.TB, template *x509.Certificate, parent *Authority) (*x509.Certificate, *ecdsa.PrivateKey) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	if parent == nil {
		parent = &Authority{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent.certificate, &key.PublicKey, parent.key)
	if err != nil {
		tb.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return certificate, key
}

// Issue makes a client's certificate, whose names change may set.
func (a *Authority) Issue(
	tb testing.TB, name string, change func(*x509.Certificate), chain ...*Authority,
) *tls.Certificate {
	tb.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	certificate, key := sign(tb, template, a)
	pair := &tls.Certificate{Certificate: [][]byte{certificate.Raw}, PrivateKey: key}
	for _, c := range chain {
		pair.Certificate = append(pair.Certificate, c.certificate.Raw)
	}
	return pair
}

// PEM returns the CA's certificate.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// Write puts the authorities into a file.
func Write(tb testing.TB, path string, authorities ...*Authority) {
	tb.Helper()
	var text []byte
	for _, a := range authorities {
		text = append(text, a.PEM()...)
	}
	// Renamed into place, so that no half of it is read.
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		tb.Fatal(err)
	}
}

// File makes a file of the authorities' certificates.
func File(tb testing.TB, authorities ...*Authority) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "ca.crt")
	Write(tb, path, authorities...)
	return path
}

// DNSName sets a name of a certificate.
func DNSName(name string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.DNSNames = []string{name} }
}

// URI sets a URI of a certificate.
func URI(text string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		parsed, err := url.Parse(text)
		if err != nil {
			panic(err)
		}
		c.URIs = []*url.URL{parsed}
	}
}

// Valid makes a certificate valid between two moments, seen from now.
func Valid(from, to time.Duration) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(to) }
}

// WriteClient puts a client's certificates and its key into two files of a directory, as kubeconfigs name them.
func WriteClient(tb testing.TB, dir, name string, pair *tls.Certificate) (certFile, keyFile string) {
	tb.Helper()
	certFile, keyFile = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	var chain []byte
	for _, der := range pair.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		tb.Fatal(err)
	}
	for path, text := range map[string][]byte{
		certFile: chain, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return certFile, keyFile
}
