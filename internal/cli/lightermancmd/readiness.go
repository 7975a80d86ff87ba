package lightermancmd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
)

// addReadyChecks makes /readyz succeed only while the process can serve: the caches are filled, the certificate is there
// and trusted, the server listening, and the process is not draining.
func addReadyChecks(mgr ctrl.Manager, draining *atomic.Bool, caches, certificate healthz.Checker) error {
	listening := mgr.GetWebhookServer().StartedChecker()
	checks := map[string]healthz.Checker{
		"caches":      caches,
		"certificate": certificate,
		"server": func(r *http.Request) error {
			if certificate(r) != nil {
				return errors.New("the server cannot answer without a certificate") // A handshake would fill the log.
			}
			return listening(r)
		},
		"draining": func(*http.Request) error {
			if draining.Load() {
				return errors.New("the process is ending")
			}
			return nil
		},
	}
	for name, check := range checks {
		if err := mgr.AddReadyzCheck(name, check); err != nil {
			return fmt.Errorf("add check %s: %w", name, err)
		}
	}
	return nil
}

// drainContext returns a context that ends delay after ctx, and sets draining when ctx ends. Meanwhile the process goes on
// serving: requests arrive until every API server has learned that the endpoint is gone.
func drainContext(ctx context.Context, draining *atomic.Bool, delay time.Duration, log logr.Logger) context.Context {
	drained, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		draining.Store(true)
		log.Info("withdraw readiness and drain", "delay", delay)
		time.AfterFunc(delay, cancel)
	})
	return drained
}
