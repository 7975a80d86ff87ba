package azure

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"lighterman.dev/lighterman/e2e/fakecloud/directory"
	"lighterman.dev/lighterman/e2e/fakecloud/identity"
	"lighterman.dev/lighterman/e2e/fakecloud/identity/identitytest"
	"lighterman.dev/lighterman/e2e/harness/pki"
)

const (
	tenant   = "tenant"
	client   = "client"
	audience = "api://AzureADTokenExchange"
	endpoint = "https://login.microsoftonline.com/" + tenant + "/oauth2/v2.0/token"
)

// clientKey is a certificate with its key, as a client has it.
type clientKey struct {
	der []byte
	key *rsa.PrivateKey
}

func newClientKey(t *testing.T) clientKey {
	t.Helper()
	pair, err := pki.SelfSignedRSA(client)
	if err != nil {
		t.Fatal(err)
	}
	certificate, _ := pem.Decode(pair.CertPEM)
	block, _ := pem.Decode(pair.KeyPEM)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return clientKey{certificate.Bytes, key.(*rsa.PrivateKey)}
}

// assertion signs with key, in the name of the certificate.
func (c clientKey) assertion(t *testing.T, key *rsa.PrivateKey, change ...func(*jwt.Claims)) string {
	t.Helper()
	sum := sha256.Sum256(c.der)
	claims := identitytest.Lasting(jwt.Claims{Issuer: client, Subject: client, Audience: jwt.Audience{endpoint}}, change...)
	return identitytest.Sign(t, key, map[jose.HeaderKey]any{thumbprint256: base64.RawURLEncoding.EncodeToString(sum[:])}, claims)
}

func newEntra(t *testing.T, cluster *identitytest.Cluster, certificate []byte) *Entra {
	t.Helper()
	signer, err := identity.NewSigner()
	if err != nil {
		t.Fatal(err)
	}
	e := &Entra{Directory: &directory.Directory{}, Cluster: cluster.Verifier(), Signer: signer}
	e.Directory.Add(directory.Entries{Applications: []directory.Application{
		{
			TenantID: tenant, ClientID: client, Secrets: []string{"secret"}, Certificates: [][]byte{certificate},
			Federated: []directory.FederatedCredential{{Issuer: identitytest.Issuer, Subject: identitytest.Subject, Audience: audience}},
		},
		{TenantID: tenant, ClientID: "unfederated", Secrets: []string{"another"}},
	}})
	return e
}

func TestTokenEndpoint(t *testing.T) {
	cluster, stranger := identitytest.New(t), identitytest.New(t)
	registered, other := newClientKey(t), newClientKey(t)
	e := newEntra(t, cluster, registered.der)
	with := func(changes ...string) url.Values {
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {client}, "scope": {storageResource + "/.default"}}
		for i := 0; i < len(changes); i += 2 {
			form.Set(changes[i], changes[i+1])
		}
		return form
	}
	assert := func(token string, changes ...string) url.Values {
		return with(append([]string{"client_assertion", token, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, changes...)...)
	}
	tests := map[string]struct {
		tenant string
		form   url.Values
		want   int // the code of the error; zero is a token
	}{
		"federated token":                       {tenant, assert(cluster.Token(t, audience)), 0},
		"federated token of another key":        {tenant, assert(stranger.Token(t, audience)), 50013},
		"federated token of another audience":   {tenant, assert(cluster.Token(t, "sts.amazonaws.com")), 700212},
		"federated token of another issuer":     {tenant, assert(cluster.Token(t, audience, identitytest.OtherIssuer)), 700211},
		"federated token of another subject":    {tenant, assert(cluster.Token(t, audience, identitytest.OtherSubject)), 700213},
		"federated token, expired":              {tenant, assert(cluster.Token(t, audience, identitytest.Expired)), 700024},
		"federated token, not a token":          {tenant, assert("guess"), 50027},
		"federated token, another application":  {tenant, assert(cluster.Token(t, audience), "client_id", "unfederated"), 700211},
		"assertion of no type":                  {tenant, assert(cluster.Token(t, audience), "client_assertion_type", ""), 900144},
		"secret":                                {tenant, with("client_secret", "secret"), 0},
		"secret, wrong":                         {tenant, with("client_secret", "guess"), 7000215},
		"secret of another application":         {tenant, with("client_secret", "another"), 7000215},
		"certificate":                           {tenant, assert(registered.assertion(t, registered.key)), 0},
		"certificate, not registered":           {tenant, assert(other.assertion(t, other.key)), 700027},
		"certificate, another's key":            {tenant, assert(registered.assertion(t, other.key)), 700027},
		"certificate, another endpoint":         {tenant, assert(registered.assertion(t, registered.key, identitytest.OtherAudience)), 700023},
		"certificate, another application":      {tenant, assert(registered.assertion(t, registered.key, identitytest.OtherIssuer)), 700021},
		"certificate, another subject":          {tenant, assert(registered.assertion(t, registered.key, identitytest.OtherSubject)), 700021},
		"certificate, expired":                  {tenant, assert(registered.assertion(t, registered.key, identitytest.Expired)), 700024},
		"no proof":                              {tenant, with(), 7000218},
		"an application that nobody registered": {tenant, with("client_id", "guess", "client_secret", "secret"), 700016},
		"a tenant that nobody registered":       {"guess", with("client_secret", "secret"), 90002},
		"a grant for people":                    {tenant, with("grant_type", "password", "client_secret", "secret"), 70003},
		"no scope":                              {tenant, with("scope", "openid", "client_secret", "secret"), 1002012},
		"no application":                        {tenant, with("client_id", "", "client_secret", "secret"), 900144},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://login.microsoftonline.com/"+test.tenant+"/oauth2/v2.0/token", strings.NewReader(test.form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			e.Handler().ServeHTTP(w, r)
			var body struct {
				Token string `json:"access_token"`
				Codes []int  `json:"error_codes"`
				Kind  string `json:"error"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
				t.Fatal(err)
			}
			if test.want != 0 {
				if w.Code < 400 || len(body.Codes) != 1 || body.Codes[0] != test.want || body.Kind == "" {
					t.Errorf("status %d, %s; want error %d", w.Code, w.Body, test.want)
				}
				return
			}
			access, err := e.Signer.Verify(body.Token, storageResource)
			if w.Code != http.StatusOK || err != nil || access.AppID != client || access.Issuer != "https://sts.windows.net/"+tenant+"/" {
				t.Errorf("status %d, %s; token %+v, error %v", w.Code, w.Body, access, err)
			}
		})
	}
}
