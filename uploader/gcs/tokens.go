package gcs

import (
	"context"
	"fmt"
	"net/http"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/secrets"
)

// scope lets the token read and write objects, as far as the bucket's policy lets the identity.
const scope = "https://www.googleapis.com/auth/devstorage.read_write"

// authMode is an auth mode of Google Cloud Storage as data.
type authMode struct {
	// newSources makes the one source of tokens that the mode means, and tries no other.
	newSources func(context.Context, uploader.Auth) (*secrets.Cache[oauth2.TokenSource], error)
	// issuer is who issues tokens, for people.
	issuer string
}

// authModes has a row for each auth mode of Google Cloud Storage that uploader.AuthModes has.
var authModes = map[string]authMode{
	"serviceAccountKey": {fromFile(google.ServiceAccount), "Google's OAuth, for the key"},
	"workloadIdentityFederation": {
		fromFile(google.ExternalAccount), "Google's STS, and IAM where a service account is named",
	},
	"gkeWorkloadIdentity": {metadataServer, "GKE's metadata server"},
	"ambient":             {metadataServer, "the metadata server"},
}

// fromFile reads a credential file of one type: a file of another could name any address to send a token to.
func fromFile(kind google.CredentialsType) func(context.Context, uploader.Auth) (
	*secrets.Cache[oauth2.TokenSource], error,
) {
	return func(ctx context.Context, auth uploader.Auth) (*secrets.Cache[oauth2.TokenSource], error) {
		return secrets.File(auth.File, func(text string) (oauth2.TokenSource, error) {
			found, err := google.CredentialsFromJSONWithType(ctx, []byte(text), kind, scope)
			if err != nil {
				return nil, fmt.Errorf("read the credential file %s: it must be of type %s: %w", auth.File, kind, err)
			}
			return found.TokenSource, nil
		})
	}
}

// metadataServer returns the tokens of the metadata server, GKE's or the node's.
func metadataServer(context.Context, uploader.Auth) (*secrets.Cache[oauth2.TokenSource], error) {
	return secrets.None(func() (oauth2.TokenSource, error) { return google.ComputeTokenSource("", scope), nil })
}

// tokens keeps a token until it runs out, the store refuses it, or its key file is replaced.
type tokens struct {
	sources *secrets.Cache[oauth2.TokenSource]
}

func newTokens(auth uploader.Auth, client *http.Client) (*tokens, error) {
	mode, ok := authModes[auth.Mode]
	if !ok {
		return nil, fmt.Errorf("gcs.auth.mode: %q is not an auth mode of Google Cloud Storage", auth.Mode)
	}
	// The token service has a certificate of the same authorities as the store. A source outlives every request.
	sources, err := mode.newSources(context.WithValue(context.Background(), oauth2.HTTPClient, client), auth)
	if err != nil {
		return nil, fmt.Errorf("gcs.auth, mode %s: %w", auth.Mode, err)
	}
	return &tokens{sources}, nil
}

// renewToken drops the token, and makes the next request read the file again.
func (t *tokens) renewToken() { t.sources.Renew() }

func (t *tokens) setAuthHeader(req *http.Request) error {
	token, err := t.currentToken()
	if err != nil {
		return err
	}
	token.SetAuthHeader(req)
	return nil
}

func (t *tokens) currentToken() (*oauth2.Token, error) {
	source, err := t.sources.Get()
	if err != nil {
		return nil, err
	}
	token, err := source.Token()
	if err != nil {
		return nil, &tokenError{err}
	}
	return token, nil
}

// tokenError is an error of the token service, not of the store.
type tokenError struct{ err error }

func (e *tokenError) Error() string { return "get a token: " + e.err.Error() }

func (e *tokenError) Unwrap() error { return e.err }
