package azure_test

import (
	"path/filepath"
	"strings"
	"testing"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/storetest"
)

// TestRotatedSecret replaces the secret of each mode that has one, under a store that is in use.
func TestRotatedSecret(t *testing.T) {
	setDecoys(t)
	c := newCloud(t)
	account := func(name string) string {
		return "AccountName=" + name + ";AccountKey=a2V5;BlobEndpoint=" + c.URL + "/acct"
	}
	sp := uploader.Auth{ClientID: "app", TenantID: tenant, AuthorityHost: c.URL + "/"}
	for mode, test := range map[string]struct {
		auth          uploader.Auth
		file          string
		first, second string
		// came is what the store or Entra ID saw of the secret; wrong is one of which nothing can be made.
		came  func() string
		want  [2]string
		wrong string
	}{
		"sasToken": {
			uploader.Auth{},
			"azure-storage-sas-token", "sv=1&sig=first", "?sv=1&sig=second\n",
			func() string { return c.who },
			[2]string{"first", "second"},
			"",
		},
		"connectionString": {
			uploader.Auth{},
			"azure-storage-connection-string", account("one"), account("two"),
			func() string { name, _, _ := strings.Cut(c.who, ":"); return name },
			[2]string{"SharedKey one", "SharedKey two"},
			"nonsense",
		},
		"servicePrincipal": {
			sp, "azure-client-secret", "first", "second",
			func() string { return strings.Join(c.asked["client_secret"], " ") },
			[2]string{"first", "second"},
			" \n",
		},
	} {
		t.Run(mode, func(t *testing.T) {
			v := storetest.NewVolume(t, map[string]string{test.file: test.first})
			test.auth.Mode, test.auth.SecretsDirectory = mode, v.Dir
			store, err := c.open(t, test.auth)
			if err != nil {
				t.Fatal(err)
			}
			come := func(want string) {
				t.Helper()
				if _, err := store.Stat(t.Context(), "key"); err != nil || test.came() != want {
					t.Errorf("came as %q, want %q; %v", test.came(), want, err)
				}
			}
			come(test.want[0])
			v.Replace(map[string]string{test.file: test.second})
			come(test.want[1])
			v.Replace(map[string]string{test.file: test.wrong})
			if _, err := store.Stat(t.Context(), "key"); objstore.ClassOf(err) != objstore.Misconfigured || !strings.Contains(objstore.CureOf(err), "Secret") {
				t.Errorf("a secret that is wrong: %s: %v", objstore.ClassOf(err), err)
			}
			v.Replace(map[string]string{test.file: test.first})
			come(test.want[0])
		})
	}
}

// TestRotatedCertificate replaces a client certificate: Entra ID is told the thumbprint of that which signed.
func TestRotatedCertificate(t *testing.T) {
	setDecoys(t)
	c := newCloud(t)
	v := storetest.NewVolume(t, map[string]string{"azure-client.pem": string(certificate(t))})
	store, err := c.open(t, uploader.Auth{
		Mode: "servicePrincipal", ClientID: "app", TenantID: tenant, AuthorityHost: c.URL + "/", File: filepath.Join(v.Dir, "azure-client.pem"),
	})
	if err != nil {
		t.Fatal(err)
	}
	header := func() string {
		t.Helper()
		if _, err := store.Stat(t.Context(), "key"); err != nil {
			t.Fatal(err)
		}
		text, _, _ := strings.Cut(strings.Join(c.asked["client_assertion"], ""), ".")
		return text
	}
	first := header()
	v.Replace(map[string]string{"azure-client.pem": string(certificate(t))})
	if second := header(); second == first || second == "" {
		t.Errorf("Entra ID was asked with %q, and then with %q", first, second)
	}
}
