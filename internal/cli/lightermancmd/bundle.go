package lightermancmd

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

func newBundleCommand() *cobra.Command {
	var added, out string
	cmd := &cobra.Command{
		Use:   "ca-bundle --add FILE --out FILE",
		Short: "Write the public certificate authorities and those of a file into one file",
		Long: `Write the public certificate authorities (Mozilla's, as they were when this program was built) and those of a file into
one file. Most tools take a CA bundle for a replacement of the public roots; the webhook adds a container that runs
this command to pods whose profile says caBundle.mode: Append.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return runBundle(added, out) },
	}
	cmd.Flags().StringVar(&added, "add", "", "file with the PEM certificates to add")
	cmd.Flags().StringVar(&out, "out", "", "file to write")
	for _, name := range []string{"add", "out"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // A flag of that name was not defined: a fault of this function.
		}
	}
	return cmd
}

func runBundle(added, out string) error {
	private, err := os.ReadFile(added) //nolint:gosec // The user names the file.
	if err != nil {
		return fmt.Errorf("read the CA bundle: %w", err)
	}
	if err := checkPEM(private); err != nil {
		return fmt.Errorf("read the CA bundle %s: %w", added, err)
	}
	var joined bytes.Buffer
	for root := range bundle.Roots() {
		// A constrained root may only vouch for some names, which PEM cannot say.
		if root.Constraint != nil {
			continue
		}
		if err := pem.Encode(&joined, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return fmt.Errorf("write the public roots: %w", err)
		}
	}
	joined.Write(private)
	if !bytes.HasSuffix(private, []byte("\n")) {
		joined.WriteByte('\n')
	}
	return writeWhole(out, joined.Bytes())
}

// checkPEM refuses a bundle that holds anything but certificates, or none: every TLS connection would fail later, and
// nobody would look here.
func checkPEM(data []byte) error {
	found := 0
	for rest := data; ; found++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if trailing := bytes.TrimSpace(rest); len(trailing) > 0 && bytes.Contains(trailing, []byte("-----BEGIN")) {
				return fmt.Errorf("what follows certificate %d is not PEM", found)
			}
			break
		}
		if block.Type != "CERTIFICATE" {
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

// writeWhole writes a file so that it is seen whole or not at all. Every user of the pod may read it.
func writeWhole(name string, data []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(name), ".ca-bundle-*")
	if err != nil {
		return fmt.Errorf("write the CA bundle: %w", err)
	}
	defer os.Remove(temporary.Name()) //nolint:errcheck // It is gone after the rename.
	_, err = temporary.Write(data)
	err = errors.Join(err, temporary.Chmod(0o444), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("write the CA bundle: %w", err)
	}
	return nil
}
