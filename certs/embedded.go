package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	servertls "github.com/cert-manager/cert-manager/pkg/server/tls"
	"github.com/cert-manager/cert-manager/pkg/server/tls/authority"
	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	// pollWaiting is how often the gate is looked at while something is outstanding: the library does not say when it
	// has signed.
	pollWaiting = 100 * time.Millisecond
	// pollServing is the same when all is well.
	pollServing = time.Second
)

// embedded joins cert-manager's library, which keeps the CA and signs, with the gate and with caBundle.
type embedded struct {
	dnsName string
	settle  time.Duration
	log     logr.Logger

	signer *servertls.DynamicSource
	secret *caSecret
	config *webhookConfig
	wake   chan struct{}

	// What step alone uses: the certificate that the library showed last, and those that wait, the oldest first.
	signed  *tls.Certificate
	pending []*tls.Certificate

	mu      sync.Mutex
	serving *signed
	waiting error // what the next certificate waits for, nil when it is served
	failed  error // what last kept the library from a CA
}

func newEmbedded(cfg *rest.Config, o Options, log logr.Logger) (*embedded, error) {
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("make client for certificates: %w", err)
	}
	e := &embedded{
		dnsName: o.DNSNames[0],
		settle:  o.SettleDelay,
		log:     log,
		wake:    make(chan struct{}, 1),
		waiting: waiting("the API server has not been asked yet"),
		signer: &servertls.DynamicSource{
			DNSNames:      o.DNSNames,
			RetryInterval: 2 * pollWaiting,
			Authority: &authority.DynamicAuthority{
				SecretNamespace: o.Namespace,
				SecretName:      o.SecretName,
				RESTConfig:      cfg,
				CommonName:      caCommonName,
				CADuration:      o.CADuration,
				LeafDuration:    o.LeafDuration,
			},
		},
	}
	changed := func() {
		select {
		case e.wake <- struct{}{}:
		default:
		}
	}
	if e.secret, err = newCASecret(client, o, changed); err != nil {
		return nil, err
	}
	e.config, err = newWebhookConfig(client, o, log, changed)
	return e, err
}

func (e *embedded) start(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		log := newLibraryLogger(e.log, e.libraryFailed)
		if err := e.signer.Start(logr.NewContext(ctx, log)); err != nil {
			return fmt.Errorf("run certificate authority: %w", err)
		}
		return nil
	})
	watching := logr.NewContext(ctx, e.log)
	e.secret.factory.StartWithContext(watching)
	e.config.factory.StartWithContext(watching)
	group.Go(func() error {
		for ctx.Err() == nil {
			e.pause(ctx, e.step(ctx, time.Now()))
		}
		return nil
	})
	err := group.Wait()
	e.secret.factory.Shutdown()
	e.config.factory.Shutdown()
	return err
}

// pause returns after d, or as soon as something was seen to change.
func (e *embedded) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-e.wake:
	case <-timer.C:
	}
}

// step compares what is with what should be, does what is to be done, and returns when to look again. It is the only
// writer of e.serving.
func (e *embedded) step(ctx context.Context, now time.Time) time.Duration {
	ca, secretErr := e.secret.ca(now)
	if secretErr == nil {
		e.libraryFailed(nil)
	} else if err := e.secret.restore(ctx, now); err != nil {
		secretErr = err
	}

	e.mu.Lock()
	serving := e.serving
	e.mu.Unlock()
	wanted := []*x509.Certificate{ca}
	if serving != nil {
		// Only caBundle is asked for it: when the CA in the Secret has changed, it is the one before.
		wanted = append(wanted, serving.ca)
	}
	configErr := e.config.reconcile(ctx, now, wanted...)

	outstanding := outstanding(secretErr, configErr)
	// The gate names the consequence; where there is a cause, that is what to read.
	if wait := e.advance(now, serving); outstanding == nil && wait != "" {
		outstanding = waiting(wait)
	}
	e.report(outstanding)
	if outstanding != nil {
		return pollWaiting
	}
	return pollServing
}

// outstanding joins errors in one line; the result is a waiting if all of them are.
func outstanding(errs ...error) error {
	var texts []string
	patient := true
	for _, err := range errs {
		if err != nil {
			texts = append(texts, err.Error())
			patient = patient && isWaiting(err)
		}
	}
	switch text := strings.Join(texts, "; "); {
	case text == "":
		return nil
	case patient:
		return waiting(text)
	default:
		return errors.New(text)
	}
}

// advance serves the newest certificate that the gate lets pass. It says what the newest of all waits for.
func (e *embedded) advance(now time.Time, serving *signed) (wait string) {
	// An error is that there is none yet.
	if cert, err := e.signer.GetCertificate(nil); err == nil && cert != e.signed {
		e.signed = cert
		e.pending = enqueue(e.pending, cert)
	}
	if len(e.pending) == 0 && serving != nil {
		return ""
	}

	trusted := serving
	if serving != nil && !e.config.holds(serving.ca) {
		trusted = &signed{cert: serving.cert}
	}
	pending := make([]*signed, 0, len(e.pending))
	for _, cert := range e.pending {
		next := &signed{cert: cert}
		if ca, ok := e.config.issuer(cert.Leaf, e.dnsName); ok {
			next.ca, next.since = ca.cert, ca.since
		}
		pending = append(pending, next)
	}
	i, wait := choose(now, e.settle, trusted, pending)
	if i < 0 {
		return wait
	}
	e.serve(pending[i], serving)
	e.pending = e.pending[i+1:]
	return wait
}

func (e *embedded) serve(next, previous *signed) {
	log := e.log.WithValues("serial", serial(next.cert.Leaf), "ca", serial(next.ca), "notAfter", next.cert.Leaf.NotAfter)
	if previous != nil {
		log = log.WithValues("previousSerial", serial(previous.cert.Leaf), "previousCA", serial(previous.ca))
	}
	log.Info("Serve new certificate", "dnsNames", next.cert.Leaf.DNSNames)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.serving = next
}

// report keeps for ready what is outstanding, and logs it when it is news.
func (e *embedded) report(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	before := e.waiting
	e.waiting = err
	switch {
	case err == nil || before != nil && before.Error() == err.Error():
	case isWaiting(err):
		e.log.Info("Certificate waits", "for", err.Error())
	default:
		e.log.Error(err, "Certificate cannot be kept")
	}
}

func (e *embedded) libraryFailed(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.failed = err
}

func (e *embedded) current() *tls.Certificate {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.serving == nil {
		return nil
	}
	return e.serving.cert
}

func (e *embedded) ready(now time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var err error
	switch {
	case e.serving == nil:
		err = errors.New("no certificate is served yet")
	case !e.config.holds(e.serving.ca):
		err = errors.New("caBundle does not hold the CA of the certificate that is served")
	case now.After(e.serving.cert.Leaf.NotAfter):
		err = fmt.Errorf("the certificate that is served expired at %s", e.serving.cert.Leaf.NotAfter.Format(time.RFC3339))
	default:
		return nil
	}
	if e.waiting != nil {
		err = fmt.Errorf("%w: %w", err, e.waiting)
	}
	if e.failed != nil {
		err = fmt.Errorf("%w (%w)", err, e.failed)
	}
	return err
}
