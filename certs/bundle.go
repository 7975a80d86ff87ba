package certs

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"time"
)

const (
	// caCommonName is the subject of every CA that we make, and how a CA in caBundle is known to be ours.
	caCommonName = "lighterman-webhook-ca"

	// maxCAs bounds caBundle, should something replace the CA again and again. One rotation needs two.
	maxCAs = 16
)

// fingerprint identifies a certificate.
type fingerprint [sha256.Size]byte

// fingerprintOf returns the SHA-256 of a certificate.
func fingerprintOf(cert *x509.Certificate) fingerprint {
	return sha256.Sum256(cert.Raw)
}

// parseBundle returns the certificates of a PEM bundle and passes over everything else.
func parseBundle(bundle []byte) []*x509.Certificate {
	var certs []*x509.Certificate
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			certs = append(certs, cert)
		}
	}
	return certs
}

// mergeBundle returns the desired caBundle: the wanted CAs, and of the present ones those that are ours and have not
// expired. The newest comes first, none comes twice, and the same CAs always give the same bytes.
func mergeBundle(bundle []byte, now time.Time, wanted ...*x509.Certificate) []byte {
	seen := map[fingerprint]bool{}
	keep := func(certs []*x509.Certificate) []*x509.Certificate {
		var kept []*x509.Certificate
		for _, cert := range certs {
			if id := fingerprintOf(cert); isOurCA(cert) && !now.After(cert.NotAfter) && !seen[id] {
				seen[id] = true
				kept = append(kept, cert)
			}
		}
		slices.SortFunc(kept, newestFirst)
		return kept
	}

	merged := keep(wanted)
	present := keep(parseBundle(bundle))
	// Never at the cost of a wanted one: two replicas that want different CAs would undo each other's work for ever.
	merged = append(merged, present[:min(len(present), max(0, maxCAs-len(merged)))]...)
	slices.SortFunc(merged, newestFirst)

	var out bytes.Buffer
	for _, cert := range merged {
		out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	}
	return out.Bytes()
}

// isOurCA reports whether an Issuer made the CA. The answer is the same in every process and does not depend on the Secret:
// processes that disagreed would remove each other's CAs.
func isOurCA(cert *x509.Certificate) bool {
	return cert.IsCA && cert.Subject.CommonName == caCommonName
}

// newestFirst compares two certificates by their beginning.
func newestFirst(a, b *x509.Certificate) int {
	if c := b.NotBefore.Compare(a.NotBefore); c != 0 {
		return c
	}
	return bytes.Compare(a.Raw, b.Raw)
}

// formatSerial returns the name of a certificate in logs and messages.
func formatSerial(cert *x509.Certificate) string {
	if cert == nil {
		return ""
	}
	return cert.SerialNumber.Text(16)
}

// formatSerials returns the names of the certificates of a bundle, each once.
func formatSerials(bundle []byte) []string {
	var out []string
	for _, cert := range parseBundle(bundle) {
		if s := formatSerial(cert); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
