package realsdk

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lighterman.dev/lighterman/e2e/harness/pki"
	"lighterman.dev/lighterman/e2e/oracle"
)

// write puts the files of a container below dir, and nothing else.
func (c *Clouds) write(tb testing.TB, files oracle.Files) {
	tb.Helper()
	if err := os.RemoveAll(c.dir); err != nil {
		tb.Fatal(err)
	}
	for path, file := range files {
		at := filepath.Join(c.dir, path)
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(at, c.content(tb, file), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
}

// content is what a file of that kind and name holds. Its name is in it wherever a stand-in sees it.
func (c *Clouds) content(tb testing.TB, file oracle.File) []byte {
	tb.Helper()
	switch file.Kind {
	case oracle.TokenFile:
		return []byte(file.Name)
	case oracle.CABundleFile:
		return c.ca.CertPEM()
	case oracle.AWSFile:
		var text strings.Builder
		for _, section := range file.Sections {
			who := fmt.Sprintf("%s:%s/%s", oracle.CredentialsFile, section, file.Name)
			if strings.Contains(file.Name, "config") && section != "default" {
				section = "profile " + section
			}
			fmt.Fprintf(&text, "[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", section, who, who)
		}
		return []byte(text.String())
	case oracle.AWSRolesFile:
		var text strings.Builder
		for _, section := range file.Sections {
			if section != "default" {
				section = "profile " + section
			}
			fmt.Fprintf(&text, "[%s]\nrole_arn = %s\nsource_profile = first\n", section, roleOf(file.Name))
		}
		fmt.Fprintf(&text, "[profile first]\nrole_arn = %s\nweb_identity_token_file = %s\n", roleOf("first"), filepath.Join(c.dir, file.Token))
		return []byte(text.String())
	case oracle.PEMFile:
		pair := c.clientCertificate(tb, file.Name)
		return append(append([]byte{}, pair.CertPEM...), pair.KeyPEM...)
	case oracle.GoogleKeyFile:
		return marshal(tb, map[string]string{
			"type": "service_account", "client_email": file.Name, "private_key_id": "1", "private_key": string(c.key(tb, file.Name)),
			"token_uri": "https://oauth2.googleapis.com/token", "project_id": "payments",
		})
	case oracle.GoogleTokenFile:
		return marshal(tb, map[string]any{
			"type": "external_account", "audience": googlePool + file.Name, "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
			"token_url": "https://sts.googleapis.com/v1/token", "credential_source": map[string]any{"file": filepath.Join(c.dir, file.Token)},
		})
	}
	tb.Fatalf("file %s: unknown kind %q", file.Name, file.Kind)
	return nil
}

// roleOf returns the ARN of a role with the name.
func roleOf(name string) string { return rolePrefix + name }

const rolePrefix = "arn:aws:iam::444455556666:role/"

const googlePool = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/"

func marshal(tb testing.TB, value any) []byte {
	tb.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// clientCertificate returns the one with the name.
func (c *Clouds) clientCertificate(tb testing.TB, name string) pki.KeyPair {
	tb.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	pair, ok := c.pem[name]
	if !ok {
		var err error
		if pair, err = pki.SelfSignedRSA(name); err != nil {
			tb.Fatal(err)
		}
		c.pem[name] = pair
	}
	return pair
}

// certificateNamed returns the name of the certificate with a thumbprint, as x5t or x5t#S256 has it.
func (c *Clouds) certificateNamed(thumbprint string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, pair := range c.pem {
		block, _ := pem.Decode(pair.CertPEM)
		short, long := sha1.Sum(block.Bytes), sha256.Sum256(block.Bytes)
		for _, sum := range [][]byte{short[:], long[:]} {
			if strings.TrimRight(thumbprint, "=") == base64.RawURLEncoding.EncodeToString(sum) || thumbprint == base64.StdEncoding.EncodeToString(sum) {
				return name
			}
		}
	}
	return "unknown"
}

// key returns the private key with the name, as PEM.
func (c *Clouds) key(tb testing.TB, name string) []byte {
	tb.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys[name] == nil {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			tb.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			tb.Fatal(err)
		}
		c.keys[name] = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	return c.keys[name]
}
