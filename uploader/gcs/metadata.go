package gcs

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"cloud.google.com/go/compute/metadata"
	"golang.org/x/oauth2"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/secrets"
)

// metadataServer returns the tokens of the metadata server, GKE's or the node's.
func metadataServer(ctx context.Context, _ uploader.Auth) (*secrets.Cache[oauth2.TokenSource], error) {
	client, _ := ctx.Value(oauth2.HTTPClient).(*http.Client)
	return secrets.None(func() (oauth2.TokenSource, error) {
		return oauth2.ReuseTokenSource(nil, metadataSource{metadata.NewClient(client)}), nil
	})
}

// metadataSource asks the metadata server for tokens, as google.ComputeTokenSource of x/oauth2 v0.38 does. That has a client of its
// own, without bounds for an answer.
type metadataSource struct{ client *metadata.Client }

// metadataToken is an answer of cloud.google.com/compute/docs/access/authenticate-workloads.
type metadataToken struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int64  `json:"expires_in"`
	TokenType   string `json:"token_type"`
}

// Token implements oauth2.TokenSource.
func (s metadataSource) Token() (*oauth2.Token, error) {
	path := "instance/service-accounts/default/token?" + url.Values{"scopes": {scope}}.Encode()
	text, err := s.client.GetWithContext(context.Background(), path)
	if err != nil {
		return nil, err
	}
	var got metadataToken
	if err := json.Unmarshal([]byte(text), &got); err != nil || got.AccessToken == "" || got.ExpiresIn <= 0 {
		return nil, errors.New("the metadata server's answer has no token")
	}
	return &oauth2.Token{
		AccessToken: got.AccessToken, TokenType: got.TokenType,
		Expiry: time.Now().Add(time.Duration(got.ExpiresIn) * time.Second),
	}, nil
}
