package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// testCA is a CA with its key.
type testCA struct {
	*x509.Certificate
	key crypto.Signer
}

func (ca testCA) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw}))
}

func newTestCA(tb testing.TB, commonName string, notBefore, notAfter time.Time) testCA {
	tb.Helper()
	template := &x509.Certificate{
		SerialNumber:          newSerial(tb),
		Subject:               pkix.Name{CommonName: commonName},
		NotBefore:             notBefore,
		NotAfter:              notAfter,
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	key := newKey(tb)
	return testCA{Certificate: create(tb, template, template, key, key), key: key}
}

func (ca testCA) leaf(tb testing.TB, dnsName string, notBefore, notAfter time.Time) *tls.Certificate {
	tb.Helper()
	key := newKey(tb)
	leaf := create(tb, &x509.Certificate{
		SerialNumber: newSerial(tb),
		NotBefore:    notBefore,
		NotAfter:     notAfter,
		DNSNames:     []string{dnsName},
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, ca.Certificate, key, ca.key)
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

// self is the CA as a pair.
func (ca testCA) self() *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{ca.Raw}, PrivateKey: ca.key, Leaf: ca.Certificate}
}

// pairPEM returns what tls.crt and tls.key hold.
func pairPEM(tb testing.TB, cert *tls.Certificate) (certPEM, keyPEM []byte) {
	tb.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Leaf.Raw}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
}

func create(tb testing.TB, template, parent *x509.Certificate, key, parentKey crypto.Signer) *x509.Certificate {
	tb.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return cert
}

func newKey(tb testing.TB) crypto.Signer {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func newSerial(tb testing.TB) *big.Int {
	tb.Helper()
	n, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// noon is the clock of tests that need no real one.
func noon() time.Time {
	return time.Date(2030, time.June, 1, 12, 0, 0, 0, time.UTC)
}
