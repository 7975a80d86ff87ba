package certs

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
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
}

// Source provides the serving certificate. It implements manager.Runnable.
type Source struct {
	provider provider
	writes   func() uint64
}

// New makes a Source. Files mode needs no cfg.
func New(cfg *rest.Config, o Options, log logr.Logger) (*Source, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	if o.Mode == Files {
		f := newFiles(o, log)
		return &Source{provider: f, writes: func() uint64 { return 0 }}, nil
	}
	e, err := newEmbedded(cfg, o, log)
	if err != nil {
		return nil, err
	}
	return &Source{provider: e, writes: e.config.writes.Load}, nil
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

// Ready is a healthz.Checker. It returns nil once a certificate is served that, as far as we can see, API servers
// trust. In files mode that leaves caBundle out, which is not ours there. The error says what it waits for.
func (s *Source) Ready(*http.Request) error {
	return s.provider.ready(time.Now())
}
