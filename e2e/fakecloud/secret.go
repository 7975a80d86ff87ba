package fakecloud

import (
	"crypto/rand"
	"encoding/base64"
	"net"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/e2e/fakecloud/names"
	"lighterman.dev/lighterman/e2e/harness/pki"
)

const (
	secretName    = "cloud"
	caKey         = "ca.crt"
	tokenKey      = "admin-token"
	accountKeyKey = "account-key"
	// accountsKey holds what Azurite wants: names and keys.
	accountsKey = "azurite-accounts"
)

// newSecretData makes the certificate for all names, the admin token and the storage account's key.
func newSecretData() (map[string][]byte, error) {
	ca, err := pki.NewCA("public cloud test CA")
	if err != nil {
		return nil, err
	}
	// Loopback is for the way from one container to the other.
	pair, err := ca.Issue(pki.Leaf{CommonName: Service, DNSNames: append(names.Certificate(), adminHost), IPs: []net.IP{net.IPv4(127, 0, 0, 1)}})
	if err != nil {
		return nil, err
	}
	key := make([]byte, 64)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	accountKey := base64.StdEncoding.EncodeToString(key)
	return map[string][]byte{
		caKey:                   ca.CertPEM(),
		corev1.TLSCertKey:       pair.CertPEM,
		corev1.TLSPrivateKeyKey: pair.KeyPEM,
		tokenKey:                []byte(rand.Text()),
		accountKeyKey:           []byte(accountKey),
		accountsKey:             []byte(Account + ":" + accountKey),
	}, nil
}
