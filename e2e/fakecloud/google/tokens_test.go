package google

import (
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"lighterman.dev/lighterman/e2e/fakecloud/directory"
	"lighterman.dev/lighterman/e2e/fakecloud/identity"
	"lighterman.dev/lighterman/e2e/fakecloud/identity/identitytest"
)

const (
	pool     = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/cluster"
	provider = pool + "/providers/p"
	email    = "backup@p.iam.gserviceaccount.com"
	member   = "identitynamespace:project.svc.id.goog:https://gkehub.googleapis.com/projects/project/locations/global/memberships/m"
)

func newTokens(t *testing.T, entries directory.Entries) Tokens {
	t.Helper()
	signer, err := identity.NewSigner()
	if err != nil {
		t.Fatal(err)
	}
	tokens := Tokens{Directory: &directory.Directory{}, Signer: signer}
	tokens.Directory.Add(entries)
	return tokens
}

func (t Tokens) mustIssue(tb testing.TB, principal string, valid time.Duration) string {
	tb.Helper()
	raw, err := t.Issue(principal, valid)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func post(t *testing.T, h http.Handler, target, kind, bearer, body string) (status int, answer map[string]any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%s: %s", err, w.Body)
	}
	return w.Code, answer
}

const formType = "application/x-www-form-urlencoded"

func TestExchange(t *testing.T) {
	cluster, stranger := identitytest.New(t), identitytest.New(t)
	tokens := newTokens(t, directory.Entries{Providers: []directory.Provider{
		{Name: provider, Issuer: identitytest.Issuer},
		{Name: provider + "-own", Issuer: identitytest.Issuer, Audiences: []string{"own"}},
		{Name: provider + "-foreign", Issuer: "https://other.example.com"},
		{Name: member, Issuer: identitytest.Issuer},
	}})
	e := &Exchange{Tokens: tokens, Cluster: cluster.Verifier()}
	right := cluster.Token(t, "https:"+provider)
	tests := map[string]struct {
		token, audience, field, value, want string // want is the error; empty is a token
	}{
		"right":                        {token: right, audience: provider},
		"right without https":          {token: cluster.Token(t, provider), audience: provider},
		"the provider's own audience":  {token: cluster.Token(t, "own"), audience: provider + "-own"},
		"not the provider's audience":  {token: right, audience: provider + "-own", want: "invalid_grant"},
		"another audience":             {token: cluster.Token(t, "sts.amazonaws.com"), audience: provider, want: "invalid_grant"},
		"another key":                  {token: stranger.Token(t, "https:"+provider), audience: provider, want: "invalid_grant"},
		"another issuer":               {token: cluster.Token(t, "https:"+provider, identitytest.OtherIssuer), audience: provider, want: "invalid_grant"},
		"a provider of another issuer": {token: cluster.Token(t, provider+"-foreign"), audience: provider + "-foreign", want: "invalid_grant"},
		"expired":                      {token: cluster.Token(t, "https:"+provider, identitytest.Expired), audience: provider, want: "invalid_grant"},
		"not a token":                  {token: "guess", audience: provider, want: "invalid_grant"},
		"a fleet's member":             {token: cluster.Token(t, "project.svc.id.goog"), audience: member},
		"a member, its whole name":     {token: cluster.Token(t, member), audience: member, want: "invalid_grant"},
		"a member, another pool":       {token: cluster.Token(t, "other.svc.id.goog"), audience: member, want: "invalid_grant"},
		"an unknown member":            {token: right, audience: member + "x", want: "invalid_target"},
		"an unknown provider":          {token: right, audience: provider + "x", want: "invalid_target"},
		"no provider":                  {token: right, audience: "own", want: "invalid_request"},
		"no scope":                     {token: right, audience: provider, field: "scope", want: "invalid_request"},
		"another kind of token":        {token: right, audience: provider, field: "subject_token_type", value: "saml2", want: "invalid_request"},
		"another grant":                {token: right, audience: provider, field: "grant_type", value: "password", want: "unsupported_grant_type"},
	}
	for name, test := range tests {
		form := url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "audience": {test.audience}, "scope": {scopeCloud},
			"subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"}, "subject_token": {test.token},
		}
		if test.field != "" {
			form.Set(test.field, test.value)
		}
		status, answer := post(t, e.Handler(), "https://sts.googleapis.com/v1/token", formType, "", form.Encode())
		if test.want != "" {
			if status < 400 || answer["error"] != test.want {
				t.Errorf("%s: status %d, %v; want %s", name, status, answer, test.want)
			}
			continue
		}
		raw, _ := answer["access_token"].(string)
		principal, err := tokens.Principal(raw)
		want := Subject(pool, identitytest.Subject)
		if test.audience == member {
			want = "principal://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/project.svc.id.goog/subject/ns/team/sa/backup"
		}
		if status != http.StatusOK || err != nil || principal != want {
			t.Errorf("%s: status %d, %v; principal %q, error %v", name, status, answer, principal, err)
		}
	}
}

func TestImpersonate(t *testing.T) {
	tokens := newTokens(t, directory.Entries{ServiceAccounts: []directory.ServiceAccount{{Email: email, Users: []string{"friend"}}}})
	other := newTokens(t, directory.Entries{})
	friend := tokens.mustIssue(t, "friend", time.Minute)
	const right = `{"scope":["` + scopeCloud + `"],"lifetime":"600s"}`
	tests := map[string]struct {
		bearer, account, body string
		want                  int
	}{
		"who may":               {friend, email, right, http.StatusOK},
		"who may not":           {tokens.mustIssue(t, "stranger", time.Minute), email, right, http.StatusForbidden},
		"another account":       {friend, "other@p.iam.gserviceaccount.com", right, http.StatusForbidden},
		"another authority":     {other.mustIssue(t, "friend", time.Minute), email, right, http.StatusUnauthorized},
		"an old token":          {tokens.mustIssue(t, "friend", -time.Minute), email, right, http.StatusUnauthorized},
		"no token":              {"", email, right, http.StatusUnauthorized},
		"for too long":          {friend, email, `{"scope":["` + scopeCloud + `"],"lifetime":"7200s"}`, http.StatusBadRequest},
		"for nothing":           {friend, email, `{"lifetime":"600s"}`, http.StatusBadRequest},
		"for something else":    {friend, email, `{"scope":["https://www.googleapis.com/auth/gmail"]}`, http.StatusBadRequest},
		"not JSON, but a guess": {friend, email, "guess", http.StatusBadRequest},
	}
	for name, test := range tests {
		status, answer := post(t, tokens.Credentials(), "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"+test.account+":generateAccessToken", "application/json", test.bearer, test.body)
		if status != test.want {
			t.Errorf("%s: status %d, want %d: %v", name, status, test.want, answer)
		}
		if status == http.StatusOK {
			if principal, err := tokens.Principal(answer["accessToken"].(string)); err != nil || principal != email {
				t.Errorf("%s: principal %q, error %v", name, principal, err)
			}
		}
	}
}

func TestServiceAccountKey(t *testing.T) {
	key, other := identitytest.NewKey(t), identitytest.NewKey(t)
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	tokens := newTokens(t, directory.Entries{ServiceAccounts: []directory.ServiceAccount{{Email: email, KeyID: "1", PublicKey: public}}})
	named := map[jose.HeaderKey]any{"kid": "1"}
	claims := func(audience, scope string, change ...func(*jwt.Claims)) keyClaims {
		return keyClaims{identitytest.Lasting(jwt.Claims{Issuer: email, Audience: jwt.Audience{audience}}, change...), scope}
	}
	long := func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(time.Now().Add(2 * time.Hour)) }
	// Both ways take the same assertions but for what they are for: OAuth exchanges them, Cloud Storage takes them as they are.
	tests := map[string]struct {
		token           string
		oauth, directly bool
	}{
		"for OAuth":                 {identitytest.Sign(t, key, named, claims(oauthEndpoint, scopeStorage+"read_write")), true, true},
		"for Cloud Storage":         {identitytest.Sign(t, key, named, claims("https://storage.googleapis.com/", "")), false, true},
		"for another service":       {identitytest.Sign(t, key, named, claims("https://pubsub.googleapis.com/", "")), false, false},
		"for OAuth, other scope":    {identitytest.Sign(t, key, named, claims(oauthEndpoint, "https://www.googleapis.com/auth/gmail")), false, false},
		"of another key":            {identitytest.Sign(t, other, named, claims(oauthEndpoint, scopeCloud)), false, false},
		"of a key without a name":   {identitytest.Sign(t, key, nil, claims(oauthEndpoint, scopeCloud)), true, true},
		"of no key of the account":  {identitytest.Sign(t, other, nil, claims(oauthEndpoint, scopeCloud)), false, false},
		"of an unknown key":         {identitytest.Sign(t, key, map[jose.HeaderKey]any{"kid": "2"}, claims(oauthEndpoint, scopeCloud)), false, false},
		"in another account's name": {identitytest.Sign(t, key, named, claims(oauthEndpoint, scopeCloud, identitytest.OtherIssuer)), false, false},
		"as another account":        {identitytest.Sign(t, key, named, claims(oauthEndpoint, scopeCloud, identitytest.OtherSubject)), false, false},
		"expired":                   {identitytest.Sign(t, key, named, claims(oauthEndpoint, scopeCloud, identitytest.Expired)), false, false},
		"for more than an hour":     {identitytest.Sign(t, key, named, claims(oauthEndpoint, scopeCloud, long)), false, false},
	}
	for name, test := range tests {
		form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {test.token}}
		status, answer := post(t, tokens.OAuth(), oauthEndpoint, formType, "", form.Encode())
		if (status == http.StatusOK) != test.oauth {
			t.Errorf("%s: OAuth answers %d, %v", name, status, answer)
		}
		if status == http.StatusOK {
			if principal, err := tokens.Principal(answer["access_token"].(string)); err != nil || principal != email {
				t.Errorf("%s: principal %q, error %v", name, principal, err)
			}
		}
		principal, err := tokens.Principal(test.token)
		if (err == nil && principal == email) != test.directly {
			t.Errorf("%s: Cloud Storage takes it as %q, error %v", name, principal, err)
		}
	}
}
