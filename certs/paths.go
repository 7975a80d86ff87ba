package certs

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"
)

const (
	// tokenBytes makes a path unguessable: 256 bits.
	tokenBytes = 32
	// maxPaths bounds what a replica accepts: the published path, its successor, and one that is about to be dropped.
	maxPaths = 3
	// defaultPathSpacing keeps rotations that are asked for apart, so that a process that ends again and again does not
	// write all the time.
	defaultPathSpacing = time.Minute
	// defaultPathGrace is how long a replaced path is accepted: longer than an API server waits for an answer (30 seconds at
	// most), and than it takes to read the configuration.
	defaultPathGrace = time.Minute
)

// tokenPattern is the form of a token that newToken returns.
var tokenPattern = regexp.MustCompile(`^[a-z2-7]{52}$`)

// tokenEncoding has lower-case letters and digits alone: each segment of a Service's path must be a DNS subdomain
// (ValidateWebhookService, k8s.io/apiserver v0.37.1 pkg/util/webhook/validation.go).
var tokenEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newToken returns the secret part of a path.
func newToken() string {
	token := make([]byte, tokenBytes)
	_, _ = rand.Read(token) // It never fails: crypto/rand, Go 1.24.
	return tokenEncoding.EncodeToString(token)
}

// webhookPath is a secret path under which the webhook is called.
type webhookPath struct {
	Token   string    `json:"token"`
	Created time.Time `json:"created"`
}

// webhookPaths are the paths that replicas accept, the oldest first.
type webhookPaths []webhookPath

// parsePaths reads the paths as encodeJSON writes them.
func parsePaths(data []byte) (webhookPaths, error) {
	if len(data) == 0 {
		return nil, nil
	}
	var paths webhookPaths
	if err := json.Unmarshal(data, &paths); err != nil {
		return nil, fmt.Errorf("read the webhook's paths: %w", err)
	}
	if len(paths) > maxPaths {
		return nil, fmt.Errorf("read the webhook's paths: there are %d, want at most %d", len(paths), maxPaths)
	}
	for _, p := range paths {
		if !tokenPattern.MatchString(p.Token) {
			return nil, fmt.Errorf("read the webhook's paths: one does not have the form of a token")
		}
	}
	return paths, nil
}

// encodeJSON returns the paths as the serving Secret holds them.
func (p webhookPaths) encodeJSON() ([]byte, error) {
	return json.Marshal(p)
}

// hasToken reports whether a path has the token. It takes the same time whatever the token is.
func (p webhookPaths) hasToken(token string) bool {
	found := 0
	for _, path := range p {
		found |= subtle.ConstantTimeCompare([]byte(path.Token), []byte(token))
	}
	return found == 1
}

// pathRules are the times by which paths are rotated: the age at which one is replaced, how long it is accepted before it is
// published and after it was replaced, and the least age at which one is replaced because that was asked for.
type pathRules struct {
	interval, settle, grace, spacing time.Duration
}

// publishedPath is the path in the webhook configuration as the API server last returned it: the token that all webhooks
// have, "" when they have none or differ, and since when.
type publishedPath struct {
	token string
	since time.Time
}

// rotatePaths returns the paths that replicas should accept, and the token that the configuration should hold; "" leaves the
// configuration as it is. A path is accepted before it is published, and after it was replaced. requested is when a new one was
// last asked for.
func (p webhookPaths) rotatePaths(
	now, requested time.Time, rules pathRules, published publishedPath,
) (next webhookPaths, publish string) {
	if len(p) == 0 {
		// The Secret was emptied or lost. API servers go on calling the former path until they have read the next.
		if tokenPattern.MatchString(published.token) {
			next = append(next, webhookPath{Token: published.token})
		}
		return append(next, webhookPath{Token: newToken(), Created: now.UTC().Round(0)}), ""
	}
	newest := p[len(p)-1]
	if now.Before(newest.Created.Add(rules.settle)) && !now.Before(newest.Created.Add(-rules.settle)) {
		return p, p.settledToken(published)
	}
	publish = newest.Token
	if published.token != publish {
		return p, publish
	}
	if now.Sub(published.since) >= rules.grace {
		p = webhookPaths{newest}
	}
	age := now.Sub(newest.Created)
	due := age >= rules.interval || requested.After(newest.Created) && age >= rules.spacing || age < 0
	if !due || len(p) == maxPaths {
		return p, publish
	}
	return append(slices.Clip(p), webhookPath{Token: newToken(), Created: now.UTC().Round(0)}), publish
}

// settledToken returns the token that stays published while the newest settles: the one before.
func (p webhookPaths) settledToken(published publishedPath) string {
	if len(p) > 1 {
		return p[len(p)-2].Token
	}
	if p.hasToken(published.token) {
		return published.token
	}
	return ""
}
