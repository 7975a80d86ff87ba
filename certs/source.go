package certs

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
)

// provider is one mode.
type provider interface {
	// start blocks until ctx is done, or returns an error that only a restart can cure.
	start(ctx context.Context) error
	// current returns the certificate to serve, nil before there is one. It goes on after start returned, because
	// the server drains its connections last.
	current() *tls.Certificate
	// ready says what is missing before an API server can call us, nil for nothing.
	ready(now time.Time) error
	// accepts reports whether the webhook may be called by a path with this token.
	accepts(token string) bool
}

// Source provides the serving certificate of a replica, and the paths by which it may be called. It implements
// manager.Runnable. It writes nothing.
type Source struct {
	provider provider
	prefix   string
	hasPaths bool
	// pathCreated returns when the newest path was made, zero where that is not known.
	pathCreated func() time.Time
}

// New makes a Source. Files mode needs no cfg.
func New(cfg *rest.Config, o Options, log logr.Logger) (*Source, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Mode == Files {
		return &Source{
			provider: newFiles(o, log), prefix: o.PathPrefix, hasPaths: o.PathFile != "",
			pathCreated: func() time.Time { return time.Time{} },
		}, nil
	}
	p, err := newPublished(cfg, o, log)
	if err != nil {
		return nil, err
	}
	return &Source{provider: p, prefix: o.PathPrefix, hasPaths: true, pathCreated: p.pathCreated}, nil
}

// HasPaths reports whether the path of a request proves anything: false in files mode without a file of paths.
func (s *Source) HasPaths() bool {
	return s.hasPaths
}

// Accepts reports whether the webhook configuration names, or a moment ago named, this path of a URL. It does no more than
// compare, but for at most one read of the Secret in a second.
func (s *Source) Accepts(path string) bool {
	token, ok := strings.CutPrefix(path, s.prefix)
	return ok && token != "" && s.provider.accepts(token)
}

// Start runs until ctx is done.
func (s *Source) Start(ctx context.Context) error {
	return s.provider.start(ctx)
}

// NeedLeaderElection is false: every replica serves.
func (s *Source) NeedLeaderElection() bool {
	return false
}

// GetCertificate is for tls.Config.GetCertificate.
func (s *Source) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if cert := s.provider.current(); cert != nil {
		return cert, nil
	}
	if err := s.provider.ready(time.Now()); err != nil {
		return nil, fmt.Errorf("no serving certificate yet: %w", err)
	}
	// It arrived between the two questions.
	return s.provider.current(), nil
}

// Ready is a healthz.Checker. It returns nil once a certificate is served, which an Issuer hands out only when API servers
// trust it. The error says what it waits for.
func (s *Source) Ready(*http.Request) error {
	return s.provider.ready(time.Now())
}
