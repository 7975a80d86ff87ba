package gcs

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"lighterman.dev/lighterman/uploader"
)

// scope lets the token read and write objects; what it may do of that is the bucket's to say.
const scope = "https://www.googleapis.com/auth/devstorage.read_write"

// modes make the one source of tokens that each auth mode means. Nothing else is tried.
var modes = map[string]func(context.Context, uploader.Auth) (oauth2.TokenSource, error){
	"serviceAccountKey":          fromFile(google.ServiceAccount),
	"workloadIdentityFederation": fromFile(google.ExternalAccount),
	"gkeWorkloadIdentity":        metadataServer,
	"ambient":                    metadataServer,
}

// fromFile reads a credential file of one type: a file of another may send a token to wherever it says.
func fromFile(kind google.CredentialsType) func(context.Context, uploader.Auth) (oauth2.TokenSource, error) {
	return func(ctx context.Context, auth uploader.Auth) (oauth2.TokenSource, error) {
		text, err := os.ReadFile(auth.File)
		if err != nil {
			return nil, fmt.Errorf("read the credential file: %w", err)
		}
		found, err := google.CredentialsFromJSONWithType(ctx, text, kind, scope)
		if err != nil {
			return nil, fmt.Errorf("read the credential file %s: it must be of type %s: %w", auth.File, kind, err)
		}
		return found.TokenSource, nil
	}
}

// metadataServer is GKE's, or the node's.
func metadataServer(context.Context, uploader.Auth) (oauth2.TokenSource, error) {
	return google.ComputeTokenSource("", scope), nil
}

// tokens keeps a token until it runs out or the store refuses it.
type tokens struct {
	open func() (oauth2.TokenSource, error)

	mu     sync.Mutex
	source oauth2.TokenSource
}

func newTokens(auth uploader.Auth, client *http.Client) (*tokens, error) {
	mode, ok := modes[auth.Mode]
	if !ok {
		return nil, fmt.Errorf("gcs.auth.mode: %q is not an auth mode of Google Cloud Storage", auth.Mode)
	}
	// The token service has a certificate of the same authorities as the store. A source outlives every request.
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, client)
	t := &tokens{open: func() (oauth2.TokenSource, error) { return mode(ctx, auth) }}
	if err := t.renew(); err != nil {
		return nil, fmt.Errorf("gcs.auth, mode %s: %w", auth.Mode, err)
	}
	return t, nil
}

// renew forgets the token and reads the file again, which the kubelet replaces when its Secret changes.
func (t *tokens) renew() error {
	source, err := t.open()
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.source = source
	return nil
}

func (t *tokens) authorize(req *http.Request) error {
	token, err := t.token()
	if err != nil {
		return err
	}
	token.SetAuthHeader(req)
	return nil
}

func (t *tokens) token() (*oauth2.Token, error) {
	t.mu.Lock()
	source := t.source
	t.mu.Unlock()
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
