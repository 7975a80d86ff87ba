package azure

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"lighterman.dev/lighterman/e2e/fakecloud/directory"
	"lighterman.dev/lighterman/e2e/fakecloud/identity"
)

func TestBlobChecksBearerTokens(t *testing.T) {
	signer, err := identity.NewSigner()
	if err != nil {
		t.Fatal(err)
	}
	other, err := identity.NewSigner()
	if err != nil {
		t.Fatal(err)
	}
	b := &Blob{Directory: &directory.Directory{}, Signer: signer, Next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
	})}
	b.Directory.Add(directory.Entries{BlobRoles: []directory.BlobRole{
		{ClientID: "writer", Account: "acct", Container: "mine"},
		{ClientID: "reader", Account: "acct", ReadOnly: true},
	}})
	bearer := func(s *identity.Signer, client, audience string, valid time.Duration) string {
		t.Helper()
		raw, err := s.Sign(identity.Access{Claims: jwt.Claims{Audience: jwt.Audience{audience}}, AppID: client}, valid)
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + raw
	}
	const host = "https://acct.blob.core.windows.net"
	writer := bearer(signer, "writer", storageResource, time.Minute)
	reader := bearer(signer, "reader", storageResource, time.Minute)
	tests := map[string]struct {
		authorization, method, url string
		want                       int
	}{
		"a writer writes":                  {writer, http.MethodPut, host + "/mine/blob", http.StatusTeapot},
		"a token for the account alone":    {bearer(signer, "writer", host, time.Minute), http.MethodPut, host + "/mine/blob", http.StatusTeapot},
		"a token for another account":      {bearer(signer, "writer", "https://other.blob.core.windows.net", time.Minute), http.MethodPut, host + "/mine/blob", http.StatusUnauthorized},
		"a token for another service":      {bearer(signer, "writer", "https://vault.azure.net", time.Minute), http.MethodPut, host + "/mine/blob", http.StatusUnauthorized},
		"a token of another authority":     {bearer(other, "writer", storageResource, time.Minute), http.MethodPut, host + "/mine/blob", http.StatusUnauthorized},
		"an old token":                     {bearer(signer, "writer", storageResource, -time.Minute), http.MethodPut, host + "/mine/blob", http.StatusUnauthorized},
		"another container":                {writer, http.MethodPut, host + "/other/blob", http.StatusForbidden},
		"the account as a whole":           {writer, http.MethodGet, host + "/?comp=list", http.StatusForbidden},
		"another account":                  {writer, http.MethodPut, "https://other.blob.core.windows.net/mine/blob", http.StatusForbidden},
		"nobody":                           {bearer(signer, "nobody", storageResource, time.Minute), http.MethodGet, host + "/mine/blob", http.StatusForbidden},
		"a reader reads":                   {reader, http.MethodGet, host + "/mine/blob", http.StatusTeapot},
		"a reader lists containers":        {reader, http.MethodGet, host + "/?comp=list", http.StatusTeapot},
		"a reader writes":                  {reader, http.MethodPut, host + "/mine/blob", http.StatusForbidden},
		"a reader deletes":                 {reader, http.MethodDelete, host + "/mine/blob", http.StatusForbidden},
		"what the emulator checks: a key":  {"SharedKey acct:x", http.MethodPut, host + "/mine/blob", http.StatusTeapot},
		"what the emulator checks: an SAS": {"", http.MethodPut, host + "/mine/blob?sig=x", http.StatusTeapot},
	}
	for name, test := range tests {
		r := httptest.NewRequestWithContext(t.Context(), test.method, test.url, http.NoBody)
		r.Header.Set("Authorization", test.authorization)
		w := httptest.NewRecorder()
		b.ServeHTTP(w, r)
		if w.Code != test.want || test.want < 418 && w.Header().Get("x-ms-error-code") == "" {
			t.Errorf("%s: status %d, want %d: %s", name, w.Code, test.want, w.Body)
		}
	}
}
