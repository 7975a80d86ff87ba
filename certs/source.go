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
	// run blocks until ctx is done, or returns an error that only a restart can cure.
	run(ctx context.Context) error
	// currentCertificate returns the certificate to serve, nil before there is one. It works after run has returned, because
	// the server drains its connections last.
	currentCertificate() *tls.Certificate
	// checkReady returns an error that names what is missing before an API server can call us.
	checkReady(now time.Time) error
	// acceptsToken reports whether the webhook may be called by a path with this token.
	acceptsToken(token string) bool
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

// New returns a Source. Files mode needs no cfg.
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
	return ok && token != "" && s.provider.acceptsToken(token)
}

// Start follows the certificate and the paths until ctx is done.
func (s *Source) Start(ctx context.Context) error {
	return s.provider.run(ctx)
}

// NeedLeaderElection returns false: every replica serves.
func (s *Source) NeedLeaderElection() bool {
	return false
}

// GetCertificate returns the certificate to serve. It is a tls.Config.GetCertificate.
func (s *Source) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if cert := s.provider.currentCertificate(); cert != nil {
		return cert, nil
	}
	if err := s.provider.checkReady(time.Now()); err != nil {
		return nil, fmt.Errorf("no serving certificate yet: %w", err)
	}
	// It arrived between the two questions.
	return s.provider.currentCertificate(), nil
}

// Ready returns nil once a certificate is served, which an Issuer hands out only when API servers trust it, and else an error
// that names what is missing. It is a healthz.Checker.
func (s *Source) Ready(*http.Request) error {
	return s.provider.checkReady(time.Now())
}
