package azure

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"

	"lighterman.dev/lighterman/uploader"
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
	return p.http.Do(r)
}
