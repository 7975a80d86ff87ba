package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	servertls "github.com/cert-manager/cert-manager/pkg/server/tls"
	"github.com/cert-manager/cert-manager/pkg/server/tls/authority"
	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
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

// Issuer keeps the CA, issues the certificate and the paths of the webhook into the serving Secret, and publishes both in
// the webhook configuration. It implements manager.Runnable. One runs in a release; a second does no harm, as each write
// fails when the object changed.
type Issuer struct {
	options IssuerOptions
	log     logr.Logger

	signer *servertls.DynamicSource
	ca     *secret
	served *secret
	config *webhookConfig
	outage *outageWatch
	wake   chan struct{}

	// What step alone uses: the certificate that the library showed last, those that wait, the oldest first, and what of
	// the serving Secret could not be read.
	signed     *tls.Certificate
	pending    []*tls.Certificate
	unreadable error

	mu      sync.Mutex
	started time.Time
	current serving // what the serving Secret holds
	waiting error   // what the next certificate or path waits for, nil when it is served
	failed  error   // what last kept the library from a CA
}

// NewIssuer makes an Issuer.
func NewIssuer(cfg *rest.Config, o IssuerOptions, log logr.Logger) (*Issuer, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("make client for certificates: %w", err)
	}
	i := &Issuer{
		options: o,
		log:     log,
		wake:    make(chan struct{}, 1),
		waiting: waiting("the API server has not been asked yet"),
		signer: &servertls.DynamicSource{
			DNSNames:      o.DNSNames,
			RetryInterval: 2 * pollWaiting,
			Authority: &authority.DynamicAuthority{
				SecretNamespace: o.Namespace,
				SecretName:      o.CASecretName,
				RESTConfig:      cfg,
				CommonName:      caCommonName,
				CADuration:      o.CADuration,
				LeafDuration:    o.LeafDuration,
			},
		},
	}
	changed := func() {
		select {
		case i.wake <- struct{}{}:
		default:
		}
	}
	seen := func(*corev1.Secret) { changed() }
	if i.ca, err = newSecret(client, o.Namespace, o.CASecretName, publicPart, seen); err != nil {
		return nil, err
	}
	if i.served, err = newSecret(client, o.Namespace, o.SecretName, nil, seen); err != nil {
		return nil, err
	}
	if i.outage, err = newOutageWatch(client, o, log, changed); err != nil {
		return nil, err
	}
	i.config, err = newWebhookConfig(client, o, log, changed)
	return i, err
}

// NeedLeaderElection is false: the Deployment has one replica.
func (i *Issuer) NeedLeaderElection() bool {
	return false
}

// Start runs until ctx is done.
func (i *Issuer) Start(ctx context.Context) error {
	i.mu.Lock()
	i.started = time.Now()
	i.mu.Unlock()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		log := newLibraryLogger(i.log, i.libraryFailed)
		if err := i.signer.Start(logr.NewContext(ctx, log)); err != nil {
			return fmt.Errorf("run certificate authority: %w", err)
		}
		return nil
	})
	watching := logr.NewContext(ctx, i.log)
	i.ca.factory.StartWithContext(watching)
	i.served.factory.StartWithContext(watching)
	i.config.factory.StartWithContext(watching)
	i.outage.start(watching)
	group.Go(func() error {
		for ctx.Err() == nil {
			i.pause(ctx, i.step(ctx, time.Now()))
		}
		return nil
	})
	err := group.Wait()
	i.ca.factory.Shutdown()
	i.served.factory.Shutdown()
	i.config.factory.Shutdown()
	i.outage.shutdown()
	return err
}

// pause returns after d, or as soon as something was seen to change.
func (i *Issuer) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-i.wake:
	case <-timer.C:
	}
}

// step compares what is with what should be, does what is to be done, and returns when to look again.
func (i *Issuer) step(ctx context.Context, now time.Time) time.Duration {
	ca, caErr := i.ca.signingCA(now)
	if caErr == nil {
		i.libraryFailed(nil)
	} else if err := i.ca.restore(ctx, now); err != nil {
		caErr = err
	}
	current, servedErr := i.readServing(ctx, now)

	paths, publish := current.paths, ""
	if servedErr == nil {
		paths, publish = current.paths.rotate(now, i.requested(), i.options.pathRules(), i.config.published())
	}
	// The CA of the certificate that is served is asked for too: when the CA in the Secret has changed, it is the one before.
	configErr := i.config.reconcile(ctx, now, publish, ca, current.ca)

	outstanding := outstanding(caErr, servedErr, configErr)
	wait := i.advance(ctx, now, current, paths, servedErr == nil)
	if wait != nil && (outstanding == nil || !isWaiting(wait)) {
		// The gate names the consequence; where there is a cause, that is what to read.
		outstanding = wait
	}
	i.report(outstanding)
	if outstanding != nil {
		return pollWaiting
	}
	return pollServing
}

// readServing returns what the serving Secret holds, and brings the Secret back when it was deleted.
func (i *Issuer) readServing(ctx context.Context, now time.Time) (serving, error) {
	object, err := i.served.watch.get()
	if err != nil {
		if restoreErr := i.served.restore(ctx, now); restoreErr != nil {
			err = restoreErr
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		return serving{ca: i.current.ca}, err
	}
	current, err := parseServing(object.Data)
	if err != nil && (i.unreadable == nil || i.unreadable.Error() != err.Error()) {
		i.log.Error(err, "Replace what the serving Secret holds", "secret", i.served.watch.what)
	}
	i.unreadable = err
	i.mu.Lock()
	defer i.mu.Unlock()
	i.current = current
	return current, nil
}

// requested returns when a new path was last asked for: by the start of this process, or by the end of an outage.
func (i *Issuer) requested() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return later(i.started, i.outage.lastEnd())
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

// report keeps for Ready what is outstanding, and logs it when it is news.
func (i *Issuer) report(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	before := i.waiting
	i.waiting = err
	switch {
	case err == nil || before != nil && before.Error() == err.Error():
	case isWaiting(err):
		i.log.Info("Certificate waits", "for", err.Error())
	default:
		i.log.Error(err, "Certificate cannot be kept")
	}
}

func (i *Issuer) libraryFailed(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.failed = err
}

// Ready is a healthz.Checker. It returns nil once the webhook configuration holds the CA of the certificate that replicas
// are given, and a path that they accept. The error says what it waits for.
func (i *Issuer) Ready(*http.Request) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	var err error
	switch now := time.Now(); {
	case i.current.cert == nil:
		err = errors.New("no serving certificate has been issued yet")
	case i.judge(i.current.cert).ca == nil:
		err = errors.New("caBundle does not hold the CA of the serving certificate")
	case now.After(i.current.cert.Leaf.NotAfter):
		err = fmt.Errorf("the serving certificate expired at %s", i.current.cert.Leaf.NotAfter.Format(time.RFC3339))
	case !i.current.paths.accepts(i.config.published().token):
		err = errors.New("the webhook configuration does not hold a path that replicas accept")
	default:
		return nil
	}
	if i.waiting != nil {
		err = fmt.Errorf("%w: %w", err, i.waiting)
	}
	if i.failed != nil {
		err = fmt.Errorf("%w (%w)", err, i.failed)
	}
	return err
}

// caOfServing is for metrics: the CA that signed what is served, nil before there is one.
func (i *Issuer) caOfServing() *x509.Certificate {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.current.ca
}
