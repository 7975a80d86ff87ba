package azure_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/azure"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

func reversed(t *testing.T, value string) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(raw)
	return base64.StdEncoding.EncodeToString(raw)
}

func write(t *testing.T, text []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// cloud stands for Entra ID and the storage account: it gives every client a token of its name, and notes who comes.
type cloud struct {
	*httptest.Server

	// asked is the form of the last token request, who the authorization of the last storage request.
	asked map[string][]string
	who   string
	// refusal is what Entra ID answers with; empty: a token.
	refusal string
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /"+tenant+"/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		base := "https://" + r.Host + "/" + tenant // As it was asked, also by way of a proxy.
		fmt.Fprintf(
			w, `{"issuer": "%[1]s/v2.0", "authorization_endpoint": "%[1]s/authorize", "token_endpoint": "%[1]s/token"}`, base,
		)
	})
	mux.HandleFunc("POST /"+tenant+"/token", func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		c.asked = r.Form
		w.Header().Set("Content-Type", "application/json")
		if c.refusal != "" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"error": "invalid_client", "error_description": "%s: no."}`, c.refusal)
			return
		}
		fmt.Fprintf(w, `{"token_type": "Bearer", "expires_in": 3600, "access_token": "for %s"}`, r.Form.Get("client_id"))
	})
	// The metadata service as App Service has it: that of a node has a fixed address.
	mux.HandleFunc("GET /msi", func(w http.ResponseWriter, r *http.Request) {
		expires := time.Now().Add(time.Hour).Unix()
		fmt.Fprintf(
			w, `{"token_type": "Bearer", "expires_on": "%d", "access_token": "for node %s"}`, expires,
			r.FormValue("client_id"),
		)
	})
	mux.HandleFunc("/acct/", func(w http.ResponseWriter, r *http.Request) {
		c.who = r.Header.Get("Authorization") + r.URL.Query().Get("sig")
		w.WriteHeader(http.StatusOK)
	})
	c.Server = httptest.NewTLSServer(mux)
	t.Cleanup(c.Close)
	return c
}

func (c *cloud) open(t *testing.T, auth uploader.Auth) (*azure.Store, error) {
	t.Helper()
	ca := write(t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw}))
	return azure.New(uploader.Azure{
		Account: "acct", Container: "backups", Endpoint: c.URL + "/acct", Auth: auth,
	}, transport.Options{CAFile: ca})
}

// setDecoys puts other identities where a search would find them.
func setDecoys(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AZURE_CLIENT_ID": "decoy", "AZURE_TENANT_ID": "decoy", "AZURE_CLIENT_SECRET": "decoy",
		"AZURE_STORAGE_KEY": "ZGVjb3k=", "AZURE_STORAGE_SAS_TOKEN": "sig=decoy", "AZURE_STORAGE_CONNECTION_STRING": "decoy",
		"AZURE_FEDERATED_TOKEN_FILE": "/decoy", "AZURE_AUTHORITY_HOST": "https://decoy.invalid/",
	} {
		t.Setenv(name, value)
	}
}

func certificate(t *testing.T) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

const tenant = "11111111-1111-1111-1111-111111111111"

// TestModes checks that each auth mode takes its own identity, whatever else lies about.
func TestModes(t *testing.T) {
	setDecoys(t)
	c := newCloud(t)
	token, cert := write(t, []byte("the token")), write(t, certificate(t))
	sp := uploader.Auth{ClientID: "app", TenantID: tenant, AuthorityHost: c.URL + "/"}
	withToken, withCert := sp, sp
	withToken.TokenFile, withCert.File = token, cert
	for name, test := range map[string]struct {
		mode     string
		auth     uploader.Auth
		env      map[string]string
		want     string
		asserted string
		// giver is who is asked for a token.
		giver string
	}{
		"workload identity": {
			"workloadIdentity", withToken, nil, "Bearer for app", "the token", "Entra ID, for the application app",
		},
		"service principal": {
			"servicePrincipal", sp,
			map[string]string{"AZURE_CLIENT_SECRET": "s"},
			"Bearer for app", "",
			"Entra ID, for the application app",
		},
		"certificate": {"servicePrincipal", withCert, nil, "Bearer for app", "ey", "Entra ID, for the application app"},
		"managed identity": {"managedIdentity", uploader.Auth{ClientID: "mine"}, map[string]string{
			"IDENTITY_ENDPOINT": c.URL + "/msi", "IDENTITY_HEADER": "h",
		}, "Bearer for node mine", "", "the metadata service, for the managed identity mine"},
		"pod identity binding": {"podIdentityBinding", uploader.Auth{}, map[string]string{
			"IDENTITY_ENDPOINT": c.URL + "/msi", "IDENTITY_HEADER": "h",
		}, "Bearer for node", "", "the metadata service, or NMI in its place"},
		"default": {
			"default", sp,
			map[string]string{"AZURE_CLIENT_ID": "found", "AZURE_TENANT_ID": tenant},
			"Bearer for found", "",
			"the SDK's search for an identity",
		},
		"account key": {
			"accountKey", uploader.Auth{}, map[string]string{"AZURE_STORAGE_KEY": "a2V5"}, "SharedKey acct:", "", "",
		},
		"shared access signature": {
			"sasToken", uploader.Auth{}, map[string]string{"AZURE_STORAGE_SAS_TOKEN": "?sv=1&sig=mine"}, "mine", "", "",
		},
		"connection string": {"connectionString", uploader.Auth{}, map[string]string{
			"AZURE_STORAGE_CONNECTION_STRING": "AccountName=acct;AccountKey=a2V5;BlobEndpoint=" + c.URL + "/acct",
		}, "SharedKey acct:", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			c.asked, c.who = nil, ""
			test.auth.Mode = test.mode
			store, err := c.open(t, test.auth)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.Stat(t.Context(), "key"); err != nil || !strings.HasPrefix(c.who, test.want) {
				t.Errorf("came as %q, want %q; %v", c.who, test.want, err)
			}
			if test.asserted != "" && !strings.HasPrefix(c.asked["client_assertion"][0], test.asserted) {
				t.Errorf("Entra ID was asked with %v", c.asked)
			}
			got, err := store.Authenticate(t.Context())
			if err != nil || got.From != test.giver || (got.From != "") != got.Expires.After(time.Now()) {
				t.Errorf("given by %+v, want %q; %v", got, test.giver, err)
			}
		})
	}
}

// TestEntraRefuses has Entra ID give no token.
func TestEntraRefuses(t *testing.T) {
	setDecoys(t)
	c := newCloud(t)
	for code, want := range map[string]struct {
		class objstore.Class
		cure  string
	}{
		"AADSTS700213":  {objstore.Unauthenticated, "federated credential"},
		"AADSTS700016":  {objstore.Unauthenticated, "clientID"},
		"AADSTS7000222": {objstore.Expired, "client secret"},
		"AADSTS700024":  {objstore.Expired, "the node's clock"},
		"AADSTS999":     {objstore.Unauthenticated, ""},
	} {
		c.refusal = code
		store, err := c.open(t, uploader.Auth{
			Mode: "workloadIdentity", ClientID: "app", TenantID: tenant, TokenFile: write(t, []byte("t")), AuthorityHost: c.URL + "/",
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = store.Stat(t.Context(), "key")
		fault, ok := errors.AsType[*objstore.Error](err)
		if !ok || fault.Class != want.class || !strings.Contains(fault.Cure, want.cure) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %+v: %v, want %+v", code, fault, err, want)
		}
		if _, err := store.Authenticate(t.Context()); objstore.ClassOf(err) != want.class {
			t.Errorf("%s: the exchange alone: got %s: %v, want %+v", code, objstore.ClassOf(err), err, want)
		}
	}
}

// isUntrusted reports whether an error is of a certificate, with a word in its cure.
func isUntrusted(err error, word string) bool {
	fault, ok := errors.AsType[*objstore.Error](err)
	return ok && fault.Class == objstore.Untrusted && strings.Contains(fault.Cure, word)
}

// TestTokenProxy has the token of an identity binding come from the cluster's proxy alone: it is asked by its own name in TLS, its
// certificate is checked by the cluster's authority, and Entra ID is asked nothing.
func TestTokenProxy(t *testing.T) {
	setDecoys(t)
	t.Setenv("AZURE_KUBERNETES_TOKEN_PROXY", "https://decoy.invalid")
	storage, entra, proxy := newCloud(t), newCloud(t), newCloud(t)
	var name string
	proxy.TLS.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		name = hello.ServerName
		return nil, nil
	}
	ca := write(t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: proxy.Certificate().Raw}))
	auth := uploader.Auth{
		Mode: "workloadIdentity", ClientID: "app", TenantID: tenant, TokenFile: write(t, []byte("the token")),
		AuthorityHost: entra.URL + "/", TokenProxy: proxy.URL, SNIName: "example.com", TokenProxyCA: ca,
	}
	store, err := storage.open(t, auth)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Stat(t.Context(), "key"); err != nil || storage.who != "Bearer for app" {
		t.Errorf("came as %q: %v", storage.who, err)
	}
	if name != "example.com" || proxy.asked["client_assertion"][0] != "the token" || entra.asked != nil {
		t.Errorf("the proxy was asked as %q with %v, Entra ID with %v", name, proxy.asked, entra.asked)
	}
	got, err := store.Authenticate(t.Context())
	if want := "the token proxy " + proxy.URL + ", for the managed identity app"; err != nil || got.From != want {
		t.Errorf("given by %q, want %q; %v", got.From, want, err)
	}

	auth.SNIName = "a0123.ests.aks"
	if store, err = storage.open(t, auth); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Stat(t.Context(), "key"); !isUntrusted(err, "identityBinding") {
		t.Errorf("a certificate of another name: %v", err)
	}
	auth.SNIName, auth.TokenProxyCA = "example.com", write(t, certificate(t))
	if store, err = storage.open(t, auth); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Stat(t.Context(), "key"); !isUntrusted(err, "identityBinding") {
		t.Errorf("a certificate of another authority: %v", err)
	}
}

func TestModeIsWrong(t *testing.T) {
	setDecoys(t)
	t.Setenv("AZURE_STORAGE_KEY", "")
	t.Setenv("AZURE_STORAGE_ACCOUNT", "")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	onlyKey := write(t, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	for _, test := range []struct {
		where uploader.Azure
		want  string
	}{
		{uploader.Azure{Auth: uploader.Auth{Mode: "none"}}, "azure.auth.mode"},
		{uploader.Azure{Account: "a", Auth: uploader.Auth{Mode: "accountKey"}}, "AZURE_STORAGE_KEY is empty"},
		{uploader.Azure{Auth: uploader.Auth{Mode: "sasToken"}}, "AZURE_STORAGE_ACCOUNT"},
		{uploader.Azure{Account: "a", Cloud: "Mars", Auth: uploader.Auth{Mode: "sasToken"}}, "AzurePublic"},
		{
			uploader.Azure{
				Account: "a", Auth: uploader.Auth{Mode: "servicePrincipal", TenantID: tenant, ClientID: "c", File: onlyKey},
			},
			"PEM",
		},
	} {
		if _, err := azure.New(test.where, transport.Options{}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, want %s", test.where, err, test.want)
		}
	}
}

// TestSASTokenThatIsNone has what people paste in its place.
func TestSASTokenThatIsNone(t *testing.T) {
	for _, token := range []string{
		"https://acct.blob.core.windows.net/c?sv=1&sig=c2VjcmV0", "sv=1&sp=rw", "c2VjcmV0", "sv=1&sig=", "BlobEndpoint=https://x/;SharedAccessSignature=sv=1&sig=c2VjcmV0",
	} {
		t.Setenv("AZURE_STORAGE_SAS_TOKEN", token)
		_, err := azure.New(uploader.Azure{
			Container: "c", Endpoint: "https://store.example/acct", Auth: uploader.Auth{Mode: "sasToken"},
		}, transport.Options{})
		if objstore.ClassOf(err) != objstore.Misconfigured || !strings.Contains(err.Error(), "AZURE_STORAGE_SAS_TOKEN") || strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("got %v", err)
		}
	}
}
