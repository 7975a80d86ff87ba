package store

import (
	"crypto/rand"
	"fmt"
	"net"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/e2e/harness/pki"
)

const (
	secretName    = "store"
	caKey         = "ca.crt"
	rootIDKey     = "root-id"
	rootSecretKey = "root-secret"
)

// newSecretData makes the store's certificate and root key.
func newSecretData() (map[string][]byte, error) {
	ca, err := pki.NewCA("object store test CA")
	if err != nil {
		return nil, err
	}
	// Loopback is for port-forwards.
	pair, err := ca.Issue(pki.Leaf{
		CommonName: host,
		DNSNames:   []string{host, host + ".cluster.local", Service + "." + Namespace, "localhost"},
		IPs:        []net.IP{net.IPv4(127, 0, 0, 1)},
	})
	if err != nil {
		return nil, err
	}
	id, secret := rand.Text(), rand.Text()
	return map[string][]byte{
		caKey:                   ca.CertPEM(),
		corev1.TLSCertKey:       pair.CertPEM,
		corev1.TLSPrivateKeyKey: pair.KeyPEM,
		rootIDKey:               []byte(fmt.Sprintf("ROOT%.16s", id)),
		rootSecretKey:           []byte(secret),
	}, nil
}
