package certs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// pathsKey is the key of the serving Secret that holds the webhook's paths.
const pathsKey = "paths"

// serving is the contents of the serving Secret: the certificate that replicas serve, and the paths that they accept.
type serving struct {
	cert *tls.Certificate // nil before there is one
	// ca is the CA that signed cert, which the Secret holds so that caBundle can be put right after both were changed.
	ca    *x509.Certificate
	paths webhookPaths
}

// parseServing reads the data of the serving Secret. What cannot be read is left out and in the error.
func parseServing(data map[string][]byte) (serving, error) {
	var s serving
	paths, pathsErr := parsePaths(data[pathsKey])
	s.paths = paths
	if len(data[corev1.TLSCertKey]) == 0 {
		return s, pathsErr
	}
	pair, err := tls.X509KeyPair(data[corev1.TLSCertKey], data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return s, errors.Join(pathsErr, fmt.Errorf("read the serving certificate: %w", err))
	}
	s.cert = &pair
	if cas := parseBundle(data[caKey]); len(cas) > 0 && isOurCA(cas[0]) {
		s.ca = cas[0]
	}
	return s, pathsErr
}

// encodeServing returns the keys of the serving Secret for a certificate.
func encodeServing(cert *tls.Certificate, ca *x509.Certificate) (map[string][]byte, error) {
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("encode the key of the serving certificate: %w", err)
	}
	var chain []byte
	for _, der := range cert.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return map[string][]byte{
		corev1.TLSCertKey:       chain,
		corev1.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		caKey:                   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw}),
	}, nil
}
