package caller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/time/rate"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
)

// KeySource returns the issuer of the cluster's service-account tokens, and its public keys.
type KeySource func(ctx context.Context) (issuer string, keys *jose.JSONWebKeySet, err error)

// The paths of the API server at which every service account may read them: the role
// system:service-account-issuer-discovery, in k8s.io/kubernetes v1.37.1
// plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go.
const (
	discoveryPath = "/.well-known/openid-configuration"
	keysPath      = "/openid/v1/jwks"
)

// APIServerKeys reads the keys from the API server itself, and not from the issuer's URL: that may lead out of the
// cluster.
func APIServerKeys(config *rest.Config, client *http.Client) (KeySource, error) {
	reader, err := discovery.NewDiscoveryClientForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("read the API server's keys: %w", err)
	}
	get := func(ctx context.Context, path, accept string, into any) error {
		text, err := reader.RESTClient().Get().AbsPath(path).SetHeader("Accept", accept).DoRaw(ctx)
		if err != nil {
			return fmt.Errorf("get %s: %w", path, err)
		}
		if err := json.Unmarshal(text, into); err != nil {
			return fmt.Errorf("parse %s: %w", path, err)
		}
		return nil
	}
	return func(ctx context.Context) (string, *jose.JSONWebKeySet, error) {
		var document struct {
			Issuer string `json:"issuer"`
		}
		var keys jose.JSONWebKeySet
		err := errors.Join(
			get(ctx, discoveryPath, "application/json", &document),
			get(ctx, keysPath, "application/jwk-set+json, application/json", &keys))
		if err == nil && document.Issuer == "" {
			err = fmt.Errorf("%s names no issuer", discoveryPath)
		}
		return document.Issuer, &keys, err
	}, nil
}

const (
	// keysLifetime is for how long keys are used without a look at whether they still are the API server's.
	keysLifetime = 5 * time.Minute
	// fetchInterval is the shortest time between two reads of the keys, whatever tokens arrive.
	fetchInterval = 10 * time.Second
	// fetchTimeout is less than the API server waits for the webhook.
	fetchTimeout = 2 * time.Second
)

// keyCache keeps the keys. Tokens of unknown keys make it read them again, at a bounded rate.
type keyCache struct {
	source  KeySource
	limiter *rate.Limiter
	// fetching is held while the keys are read. A token of a known key never waits for it.
	fetching sync.Mutex
	known    atomic.Pointer[knownKeys]
}

// knownKeys are the keys as they were read.
type knownKeys struct {
	issuer string
	keys   *jose.JSONWebKeySet
	read   time.Time
}

func newKeyCache(source KeySource) *keyCache {
	return &keyCache{source: source, limiter: rate.NewLimiter(rate.Every(fetchInterval), 1)}
}

// findKey returns the issuer and its key of that name.
func (c *keyCache) findKey(ctx context.Context, id string) (string, *jose.JSONWebKey, error) {
	known := c.known.Load()
	if key := known.keyByID(id); key != nil {
		if time.Since(known.read) > keysLifetime && c.fetching.TryLock() {
			go func(ctx context.Context) {
				defer c.fetching.Unlock()
				_ = c.fetchKeys(ctx) // What is known goes on being used; tokens of a new key find the error out.
			}(context.WithoutCancel(ctx))
		}
		return known.issuer, key, nil
	}
	c.fetching.Lock()
	defer c.fetching.Unlock()
	var err error
	if c.known.Load() == known { // Else they were read while this waited.
		err = c.fetchKeys(context.WithoutCancel(ctx))
	}
	known = c.known.Load()
	switch key := known.keyByID(id); {
	case key != nil:
		return known.issuer, key, nil
	case err != nil:
		return "", nil, fmt.Errorf("the API server's keys cannot be read: %w", err)
	default:
		return "", nil, errors.New("the token's key is not one of the API server's")
	}
}

// fetchKeys reads the keys, unless that was done just now. The caller holds fetching.
func (c *keyCache) fetchKeys(ctx context.Context) error {
	if !c.limiter.Allow() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	issuer, keys, err := c.source(ctx)
	if err != nil {
		return err
	}
	c.known.Store(&knownKeys{issuer: issuer, keys: keys, read: time.Now()})
	return nil
}

func (k *knownKeys) keyByID(id string) *jose.JSONWebKey {
	if k == nil || id == "" {
		return nil
	}
	for _, key := range k.keys.Key(id) {
		if key.IsPublic() {
			return &key
		}
	}
	return nil
}
