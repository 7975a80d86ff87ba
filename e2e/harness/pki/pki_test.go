package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"

	"lighterman.dev/lighterman/e2e/harness/pki"
)

func TestIssue(t *testing.T) {
	ca, err := pki.NewCA("test")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca.CertPEM()) {
		t.Fatal("the CA is not a certificate")
	}
	server, err := ca.Issue(pki.Leaf{CommonName: "server", DNSNames: []string{"s3.svc"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}})
	if err != nil {
		t.Fatal(err)
	}
	client, err := ca.Issue(pki.Leaf{CommonName: "client", Organizations: []string{"admins"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"s3.svc", "127.0.0.1"} {
		if _, err := parse(t, server).Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := parse(t, server).Verify(x509.VerifyOptions{Roots: roots, DNSName: "other.svc"}); err == nil {
		t.Error("the certificate is good for a name that it does not have")
	}
	use := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if _, err := parse(t, client).Verify(x509.VerifyOptions{Roots: roots, KeyUsages: use}); err != nil {
		t.Errorf("client: %v", err)
	}
	if _, err := parse(t, server).Verify(x509.VerifyOptions{Roots: roots, KeyUsages: use}); err == nil {
		t.Error("a server's certificate is good for a client")
	}
}

func parse(t *testing.T, pair pki.KeyPair) *x509.Certificate {
	t.Helper()
	c, err := tls.X509KeyPair(pair.CertPEM, pair.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf
}
