package apiaudience

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestAPIAudiences(t *testing.T) {
	given := []string{"https://api.example.com"}
	for name, test := range map[string]struct {
		claims string
		want   []string
	}{
		"a list":          {`{"aud":["https://kubernetes.default.svc","k3s"],"iss":"https://issuer.example.com"}`, []string{"https://api.example.com", "https://kubernetes.default.svc", "k3s", "https://issuer.example.com"}},
		"a text":          {`{"aud":"https://a.example.com","iss":"https://a.example.com"}`, []string{"https://api.example.com", "https://a.example.com"}},
		"an issuer alone": {`{"iss":"kubernetes/serviceaccount"}`, []string{"https://api.example.com", "kubernetes/serviceaccount"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "token")
			token := "e30." + base64.RawURLEncoding.EncodeToString([]byte(test.claims)) + ".sig\n"
			if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := List(given, file)
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
	if got, err := List(given, filepath.Join(t.TempDir(), "none")); err != nil || !slices.Equal(got, given) {
		t.Errorf("outside a pod: %q, %v", got, err)
	}
	for _, token := range []string{"", "a.b", "a.%.c", "a.e30", "a.W10.c", "a.bnVsbA.c.d"} {
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := List(nil, file); err == nil {
			t.Errorf("%q: no error, %q", token, got)
		}
	}
}
