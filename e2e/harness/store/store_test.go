package store

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestCertificateNames(t *testing.T) {
	data, err := newSecretData()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(data[corev1.TLSCertKey], data[corev1.TLSPrivateKeyKey])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(data[caKey])
	for _, name := range []string{"s3.object-store.svc", "s3.object-store.svc.cluster.local", "localhost", "127.0.0.1"} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckIssuer(t *testing.T) {
	tests := map[string]bool{
		"https://198.51.100.10": true,
		"https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDE": true,
		"https://container.googleapis.com/v1/projects/p":              true,
		"https://kubernetes.default.svc.cluster.local":                false,
		"https://kubernetes.default.svc":                              false,
		"https://127.0.0.1:6443":                                      false,
		"https://issuer.example.com:8443":                             false,
		"https://10.96.0.1":                                           false,
		"http://issuer.example.com":                                   false,
		"kubernetes/serviceaccount":                                   false,
		"https://localhost":                                           false,
	}
	for issuer, ok := range tests {
		err := checkIssuer(issuer)
		var unsupported *UnsupportedIssuerError
		if ok != (err == nil) || err != nil && !errors.As(err, &unsupported) {
			t.Errorf("%s: %v", issuer, err)
		}
	}
}

func TestPublicRoots(t *testing.T) {
	if pool := x509.NewCertPool(); !pool.AppendCertsFromPEM(publicRoots()) {
		t.Error("no public authority")
	}
}
