package azure

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// tokenProxy sends what is meant for Entra ID to the token proxy of an AKS identity binding: the path and the query behind the
// proxy's own, the Host header as it was. azidentity v1.15.0 does the same with EnableAzureProxy (internal/customtokenproxy), but
// takes the proxy from variables alone, and its credential keeps a token of the pod for ten minutes: see workloadIdentity.
type tokenProxy struct {
	url  *url.URL
	http *http.Client
}

func newTokenProxy(a uploader.Auth) (*tokenProxy, error) {
	address, err := url.Parse(a.TokenProxy)
	if err != nil {
		return nil, fmt.Errorf("read the URL of the token proxy: %w", err)
	}
	address.Path = cmp.Or(address.Path, "/") // Else JoinPath makes a path without a slash at its front.
	client, err := transport.New(transport.Options{CAFile: a.TokenProxyCA, ServerName: a.SNIName, Connections: 1})
	if err != nil {
		return nil, fmt.Errorf("reach the token proxy: %w", err)
	}
	return &tokenProxy{url: address, http: client}, nil
}

// Do is azcore's policy.Transporter.
func (p *tokenProxy) Do(r *http.Request) (*http.Response, error) {
	to := p.url.JoinPath(r.URL.EscapedPath())
	to.RawQuery = r.URL.RawQuery
	r.URL = to
	return p.http.Do(r) //nolint:gosec // The profile says where the token proxy is.
}

// proxiedCredential is one whose token comes from a token proxy. It tells how to cure what is wrong with the proxy's certificate, which
// is none of the store's.
type proxiedCredential struct{ azcore.TokenCredential }

// GetToken is azcore's TokenCredential.
func (c proxiedCredential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := c.TokenCredential.GetToken(ctx, o)
	if err == nil || objstore.ClassOf(transport.ClassifyError(ctx, err)) != objstore.Untrusted {
		return token, err
	}
	return token, &objstore.Error{
		Class: objstore.Untrusted, Err: err,
		Cure: "correct identityBinding: sniName is a name in the token proxy's certificate, and caConfigMap has its authority",
	}
}
