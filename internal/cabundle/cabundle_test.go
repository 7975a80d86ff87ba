package cabundle_test

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lighterman.dev/lighterman/internal/cabundle"
)

func readPrivate(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("testdata/ca.crt")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestJoin(t *testing.T) {
	t.Parallel()
	private := readPrivate(t)
	joined, err := cabundle.Join([]byte(strings.TrimSpace(private)))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(string(joined), "-----END CERTIFICATE-----\n"+private) {
		t.Error("the added certificate is not the last one")
	}
	count := 0
	for rest := joined; ; count++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			t.Errorf("certificate %d: %v", count+1, err)
		}
	}
	if count < 100 {
		t.Errorf("%d certificates: the public roots are more than 100", count)
	}
}

func TestJoinRefuses(t *testing.T) {
	t.Parallel()
	private := readPrivate(t)
	for name, test := range map[string]struct{ text, want string }{
		"no certificate":     {"hello", "holds no PEM certificate"},
		"a private key":      {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "only certificates belong"},
		"garbage in a block": {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate 1:"},
		"a second cut off":   {private + private[:len(private)/2], "what follows certificate 1 is not PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if joined, err := cabundle.Join([]byte(test.text)); joined != nil || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %d bytes, %v; want the error %q", len(joined), err, test.want)
			}
		})
	}
}

func TestWriteFile(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "ca.crt")
	for _, text := range []string{"first", "second"} {
		if err := cabundle.WriteFile(name, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != text {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o444 {
		t.Errorf("mode %v, %v: every user of the pod must be able to read it", info.Mode(), err)
	}
	if entries, err := os.ReadDir(filepath.Dir(name)); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v: a temporary file is left", entries, err)
	}
	if err := cabundle.WriteFile(filepath.Join(t.TempDir(), "none", "ca.crt"), nil); err == nil {
		t.Error("no error for a directory that does not exist")
	}
}
