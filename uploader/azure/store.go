package azure

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/secrets"
	"lighterman.dev/lighterman/uploader/transport"
)

// Store is a container. New makes it.
type Store struct {
	// clients are made of the auth mode's secrets.
	clients *secrets.Cache[*client]
	auth    uploader.Auth
	// aborted are the uploads that this process aborted, by their ID.
	aborted sync.Map
}

var _ objstore.Store = (*Store)(nil)

// New makes a store. It reads the auth mode's files and variables, but does not speak to the store.
func New(where uploader.Azure, o transport.Options) (*Store, error) {
	http, err := transport.New(o)
	if err != nil {
		return nil, err
	}
	mode, ok := authModes[where.Auth.Mode]
	if !ok {
		return nil, fmt.Errorf("azure.auth.mode: %q is not an auth mode of Azure", where.Auth.Mode)
	}
	clients, err := mode.newClients(where, &settings{http: http})
	if err != nil {
		return nil, fmt.Errorf("azure.auth, mode %s: %w", where.Auth.Mode, err)
	}
	return &Store{clients: clients, auth: where.Auth}, nil
}

// client reaches the container with one state of the secrets.
type client struct {
	*container.Client

	// identity is the source of tokens of Entra ID; nil: the auth mode needs none.
	identity azcore.TokenCredential
}

// currentClient returns the client of the secrets as they are now. Where no client can be made of them, each of its requests fails
// with the reason.
func (s *Store) currentClient() *client {
	found, err := s.clients.Get()
	if err == nil {
		return found
	}
	o := &container.ClientOptions{
		ClientOptions: policy.ClientOptions{Transport: failingTransport{err}, Retry: policy.RetryOptions{MaxRetries: -1}},
	}
	broken, berr := container.NewClientWithNoCredential("https://unreadable.invalid", o)
	if berr != nil {
		panic(berr) // The URL is one.
	}
	return &client{broken, failingTransport{err}}
}

// failingTransport answers every request with an error.
type failingTransport struct{ err error }

// Do is azcore's policy.Transporter.
func (f failingTransport) Do(*http.Request) (*http.Response, error) { return nil, f.err }

// GetToken is azcore's TokenCredential.
func (f failingTransport) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{}, f.err
}

// settings are those of each of the SDK's clients.
type settings struct{ http *http.Client }

// clientOptions returns options without the SDK's own retries: the caller retries.
func (s *settings) clientOptions() policy.ClientOptions {
	return policy.ClientOptions{
		Transport: s.http, Retry: policy.RetryOptions{MaxRetries: -1}, Telemetry: policy.TelemetryOptions{Disabled: true},
	}
}

func (s *settings) containerOptions() *container.ClientOptions {
	o := &container.ClientOptions{ClientOptions: s.clientOptions()}
	o.ExpectContinueBehavior.Mode = container.ExpectContinueModeOn
	o.ExpectContinueBehavior.ContentLengthThreshold = transport.LongBody
	return o
}

// Limits returns those of learn.microsoft.com/azure/storage/blobs/scalability-targets and of Put Blob, since version
// 2019-12-12 of the service.
func (*Store) Limits() objstore.Limits {
	return objstore.Limits{
		MinPart:   1,
		MaxPart:   4000 << 20,
		MaxParts:  50_000,
		MaxPut:    5000 << 20,
		Algorithm: objstore.CRC64,
	}
}

// URL returns the container's URL, without a signature.
func (s *Store) URL() string {
	url, _, _ := strings.Cut(s.currentClient().URL(), "?")
	return strings.TrimSuffix(url, "/")
}

func (s *Store) blockBlob(key string) *blockblob.Client {
	return s.currentClient().NewBlockBlobClient(key)
}
