package cabundle

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// certificateType is the type of a PEM block that holds a certificate: RFC 7468, 5.
const certificateType = "CERTIFICATE"

// Join returns the public roots (Mozilla's, as they were when the program was built) followed by the added certificates,
// in PEM.
func Join(added []byte) ([]byte, error) {
	if err := checkPEM(added); err != nil {
		return nil, err
	}
	var joined bytes.Buffer
	for root := range bundle.Roots() {
		// A constrained root is trusted for some names only, which PEM cannot express.
		if root.Constraint != nil {
			continue
		}
		if err := pem.Encode(&joined, &pem.Block{Type: certificateType, Bytes: root.Certificate}); err != nil {
			return nil, fmt.Errorf("encode the public roots: %w", err)
		}
	}
	joined.Write(added)
	if !bytes.HasSuffix(added, []byte("\n")) {
		joined.WriteByte('\n')
	}
	return joined.Bytes(), nil
}

// checkPEM returns an error if data holds anything but certificates, or none. Otherwise every TLS connection would fail
// later, in another container and with a message that does not name the bundle.
func checkPEM(data []byte) error {
	found := 0
	for rest := data; ; found++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if bytes.Contains(rest, []byte("-----BEGIN")) {
				return fmt.Errorf("what follows certificate %d is not PEM", found)
			}
			break
		}
		if block.Type != certificateType {
			return fmt.Errorf("block %d is a %s: only certificates belong in a CA bundle", found+1, block.Type)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Errorf("certificate %d: %w", found+1, err)
		}
	}
	if found == 0 {
		return errors.New("it holds no PEM certificate: check the key that spec.caBundle names")
	}
	return nil
}
