package azure

import (
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/transport"
)

// Store is a container. New makes it.
type Store struct {
	container *container.Client
	auth      uploader.Auth
	// identity gives tokens of Entra ID; nil: the auth mode needs none.
	identity azcore.TokenCredential
	// aborted are the uploads that this process gave up, by their ID.
	aborted sync.Map
}

var _ uploader.Store = (*Store)(nil)

// New makes a store. It reads the auth mode's files and variables, but does not speak to the store.
func New(where uploader.Azure, o transport.Options) (*Store, error) {
	client, err := transport.New(o)
	if err != nil {
		return nil, err
	}
	mode, ok := modes[where.Auth.Mode]
	if !ok {
		return nil, fmt.Errorf("azure.auth.mode: %q is not an auth mode of Azure", where.Auth.Mode)
	}
	s := &settings{http: client}
	c, err := mode(where, s)
	if err != nil {
		return nil, fmt.Errorf("azure.auth, mode %s: %w", where.Auth.Mode, err)
	}
	return &Store{container: c, auth: where.Auth, identity: s.identity}, nil
}

// settings are those of each of the SDK's clients.
type settings struct {
	http *http.Client
	// identity is what the auth mode has made, where it makes one.
	identity azcore.TokenCredential
}

// client is for the SDK's own retries: the core does them.
func (s *settings) client() policy.ClientOptions {
	return policy.ClientOptions{
		Transport: s.http, Retry: policy.RetryOptions{MaxRetries: -1}, Telemetry: policy.TelemetryOptions{Disabled: true},
	}
}

func (s *settings) container() *container.ClientOptions {
	o := &container.ClientOptions{ClientOptions: s.client()}
	o.ExpectContinueBehavior.Mode = container.ExpectContinueModeOn
	o.ExpectContinueBehavior.ContentLengthThreshold = transport.LongBody
	return o
}

// Limits are those of learn.microsoft.com/azure/storage/blobs/scalability-targets and of Put Blob, since version
// 2019-12-12 of the service.
func (*Store) Limits() uploader.Limits {
	return uploader.Limits{
		MinPart:   1,
		MaxPart:   4000 << 20,
		MaxParts:  50_000,
		MaxPut:    5000 << 20,
		Algorithm: uploader.CRC64,
	}
}

// URL is the container's, without a signature.
func (s *Store) URL() string {
	url, _, _ := strings.Cut(s.container.URL(), "?")
	return strings.TrimSuffix(url, "/")
}

func (s *Store) blob(key string) *blockblob.Client { return s.container.NewBlockBlobClient(key) }
