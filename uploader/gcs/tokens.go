package gcs

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/secrets"
	"lighterman.dev/lighterman/uploader/transport"
)

// scope lets the token read and write objects, as far as the bucket's policy lets the identity.
const scope = "https://www.googleapis.com/auth/devstorage.read_write"

// googleUniverse is the domain of Google's own cloud. In any other no token is given in exchange for a key: the store takes a token that
// the key itself has signed (google.golang.org/api v0.315.0 internal/creds.go).
const googleUniverse = "googleapis.com"

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
			if err != nil { // Its text may be that of the file.
				return nil, fmt.Errorf("read the credential file %s: it must be JSON of type %s, as Google writes it%s", auth.File, kind, typeOf(text))
			}
			if err := checkPrivateKey(kind, text); err != nil {
				return nil, fmt.Errorf("read the credential file %s: %w", auth.File, err)
			}
			universe, err := found.GetUniverseDomain()
			if kind == google.ServiceAccount && err == nil && universe != googleUniverse {
				return google.JWTAccessTokenSourceWithScope([]byte(text), scope)
			}
			if auth.TokenFile == "" {
				return found.TokenSource, nil
			}
			return oauth2.ReuseTokenSource(nil, tokenExchange{found.TokenSource, auth.TokenFile}), nil
		})
	}
}

// tokenExchange checks the pod's token before it asks the token service.
type tokenExchange struct {
	oauth2.TokenSource

	tokenFile string
}

// Token implements oauth2.TokenSource.
func (e tokenExchange) Token() (*oauth2.Token, error) {
	if _, err := secrets.Token(e.tokenFile); err != nil {
		return nil, err
	}
	return e.TokenSource.Token()
}

// typeOf describes the type of a credential file that has another than is wanted; empty: it has none.
func typeOf(text string) string {
	var file struct{ Type string }
	if json.Unmarshal([]byte(text), &file) != nil || !isType.MatchString(file.Type) {
		return ""
	}
	return ", and it is of type " + file.Type
}

// isType matches the types of Google's credential files.
var isType = regexp.MustCompile(`^(external|service)_account$|^[a-z_]*(authorized_user|_service_account|_workload|_account)$`)

// checkPrivateKey checks the key of a service account, as x/oauth2 v0.38 reads it with each request for a token.
func checkPrivateKey(kind google.CredentialsType, text string) error {
	if kind != google.ServiceAccount {
		return nil
	}
	config, err := google.JWTConfigFromJSON([]byte(text), scope)
	if err != nil {
		return err
	}
	key := config.PrivateKey
	if block, _ := pem.Decode(key); block != nil {
		key = block.Bytes
	}
	if _, err := x509.ParsePKCS8PrivateKey(key); err == nil {
		return nil
	}
	if _, err := x509.ParsePKCS1PrivateKey(key); err != nil {
		return errors.New("its private_key is no RSA key in PEM, as Google writes it")
	}
	return nil
}

// metadataServer returns the tokens of the metadata server, GKE's or the node's.
func metadataServer(context.Context, uploader.Auth) (*secrets.Cache[oauth2.TokenSource], error) {
	return secrets.None(func() (oauth2.TokenSource, error) { return google.ComputeTokenSource("", scope), nil })
}

// tokens keeps a token until it runs out, the store refuses it, or its key file is replaced.
type tokens struct {
	sources *secrets.Cache[oauth2.TokenSource]
	// recorder has the errors of the network: x/oauth2 v0.38 turns them into text.
	recorder *transport.Recorder
}

func newTokens(auth uploader.Auth, client *http.Client) (*tokens, error) {
	mode, ok := authModes[auth.Mode]
	if !ok {
		return nil, fmt.Errorf("gcs.auth.mode: %q is not an auth mode of Google Cloud Storage", auth.Mode)
	}
	// The token service has a certificate of the same authorities as the store. A source outlives every request.
	client, recorder := transport.Record(client)
	sources, err := mode.newSources(context.WithValue(context.Background(), oauth2.HTTPClient, client), auth)
	if err != nil {
		return nil, fmt.Errorf("gcs.auth, mode %s: %w", auth.Mode, err)
	}
	return &tokens{sources, recorder}, nil
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
	var token *oauth2.Token
	err = t.recorder.Do(func() (err error) {
		token, err = source.Token()
		return err
	})
	if _, ok := errors.AsType[*objstore.Error](err); err != nil && !ok {
		err = &tokenError{err}
	}
	return token, err
}

// tokenError is an error of the token service, not of the store.
type tokenError struct{ err error }

func (e *tokenError) Error() string { return "get a token: " + e.err.Error() }

func (e *tokenError) Unwrap() error { return e.err }
