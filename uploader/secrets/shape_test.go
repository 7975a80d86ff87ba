package secrets_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/secrets"
)

// TestEverySecretHasAShape finds each variable of the auth modes among those that are checked, by a character that none may have.
func TestEverySecretHasAShape(t *testing.T) {
	for _, store := range uploader.StoreNames() {
		for _, mode := range uploader.AuthModes(store) {
			for _, name := range mode.Secrets {
				if err := secrets.CheckShape(name, "a\x00b"); objstore.ClassOf(err) != objstore.Misconfigured {
					t.Errorf("%s: got %v", name, err)
				}
				if err := secrets.CheckShape(name, "AKIA/+=EXAMPLE;a=b&c=%2F~._-"); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
}

func TestShapes(t *testing.T) {
	const sent, signs, wrapped = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_KEY"
	for _, test := range []struct{ name, value, says string }{
		{sent, "AKIA\nEXAMPLE", "a line break"},
		{sent, "AKIA\r\nEXAMPLE", "a line break"},
		{sent, "AKIA EXAMPLE", "a space"},
		{sent, "AKIA\tEXAMPLE", "a control character"},
		{sent, "AKIA\u00a0EXAMPLE", "a space"},
		{sent, "AKIA\ufeffEXAMPLE", "not of ASCII"},
		{sent, "AKIAÄ", "not of ASCII"},
		{sent, "AKIA\xff", "no text"},
		{signs, "se cret", ""},
		{signs, "sécret", ""},
		{signs, "se\ncret", "a line break"},
		{signs, "se\x1bcret", "a control character"},
		{wrapped, "a2V5\na2V5", ""},
		{wrapped, "a2V5 a2V5", "a space"},
		{"aws_session_token", "a b", "a space"},
	} {
		err := secrets.CheckShape(test.name, test.value)
		if got := err != nil; got != (test.says != "") || got && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s %q: got %v, want %q", test.name, test.value, err, test.says)
		}
		if err != nil && (strings.Contains(err.Error(), "EXAMPLE") || strings.Contains(err.Error(), "cret")) {
			t.Errorf("the secret is in %v", err)
		}
	}
}

func TestToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if _, err := secrets.Token(file); objstore.ClassOf(err) != objstore.Misconfigured || !strings.Contains(objstore.CureOf(err), "lighterman-credentials") {
		t.Errorf("a file that is missing: %v", err)
	}
	for _, test := range []struct{ text, says string }{
		{"", "is empty"},
		{" \n", "is empty"},
		{"e30.e30\n.x", "a line break"},
		{"e30\x00", "a control character"},
		{"\xff\xfe", "no text"},
		{"e30.e30.x\n", ""},
	} {
		text, says := test.text, test.says
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		token, err := secrets.Token(file)
		if says == "" {
			if err != nil || token != "e30.e30.x" {
				t.Errorf("%q: got %q, %v", text, token, err)
			}
			continue
		}
		if objstore.ClassOf(err) != objstore.Misconfigured || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "e30") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}
