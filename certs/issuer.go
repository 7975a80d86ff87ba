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
	// pollWaiting is the interval between reconciliations while something is outstanding: the library does not report when
	// it has signed.
	pollWaiting = 100 * time.Millisecond
	// pollServing is the interval when nothing is outstanding.
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

	// reconcile alone uses these: the certificate that the library returned last, the certificates that wait, the oldest first,
	// and the last error in reading the serving Secret.
	signed    *tls.Certificate
	pending   []*tls.Certificate
	readError error

	mu           sync.Mutex
	started      time.Time
	current      serving // what the serving Secret holds
	outstanding  error   // what the next certificate or path waits for, nil when it is served
	libraryError error   // what last kept the library from a CA
}

// NewIssuer returns an Issuer.
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
		options:     o,
		log:         log,
		wake:        make(chan struct{}, 1),
		outstanding: waitingError("the API server has not been asked yet"),
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

// NeedLeaderElection returns false: the Deployment has one replica.
func (i *Issuer) NeedLeaderElection() bool {
	return false
}

// Start reconciles until ctx is done.
func (i *Issuer) Start(ctx context.Context) error {
	i.mu.Lock()
	i.started = time.Now()
	i.mu.Unlock()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		log := newLibraryLogger(i.log, i.recordLibraryError)
		if err := i.signer.Start(logr.NewContext(ctx, log)); err != nil {
			return fmt.Errorf("run certificate authority: %w", err)
		}
		return nil
	})
	watching := logr.NewContext(ctx, i.log)
	i.ca.factory.StartWithContext(watching)
	i.served.factory.StartWithContext(watching)
	i.config.factory.StartWithContext(watching)
	i.outage.startWatching(watching)
	group.Go(func() error {
		for ctx.Err() == nil {
			i.waitForChange(ctx, i.reconcile(ctx, time.Now()))
		}
		return nil
	})
	err := group.Wait()
	i.ca.factory.Shutdown()
	i.served.factory.Shutdown()
	i.config.factory.Shutdown()
	i.outage.stopWatching()
	return err
}

// waitForChange returns after d, or when a watched object changed.
func (i *Issuer) waitForChange(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-i.wake:
	case <-timer.C:
	}
}

// reconcile compares the actual state with the desired one, writes the difference, and returns when to do so again.
func (i *Issuer) reconcile(ctx context.Context, now time.Time) time.Duration {
	ca, caErr := i.ca.signingCA(now)
	if caErr == nil {
		i.recordLibraryError(nil)
	} else if err := i.ca.recreate(ctx, now); err != nil {
		caErr = err
	}
	current, servedErr := i.readServing(ctx, now)

	paths, publish := current.paths, ""
	if servedErr == nil {
		paths, publish = current.paths.rotatePaths(now, i.pathRequestedAt(), i.options.pathRules(), i.config.currentPath())
	}
	// The CA of the certificate that is served is asked for too: when the CA in the Secret has changed, it is the one before.
	configErr := i.config.bringUpToDate(ctx, now, publish, ca, current.ca)

	outstanding := joinOutstanding(caErr, servedErr, configErr)
	wait := i.updateServing(ctx, now, current, paths, servedErr == nil)
	if wait != nil && (outstanding == nil || !isWaiting(wait)) {
		// The gate names the consequence; where there is a cause, that is what to read.
		outstanding = wait
	}
	i.recordOutstanding(outstanding)
	if outstanding != nil {
		return pollWaiting
	}
	return pollServing
}

// readServing returns what the serving Secret holds, and brings the Secret back when it was deleted.
func (i *Issuer) readServing(ctx context.Context, now time.Time) (serving, error) {
	object, err := i.served.watch.lastSeen()
	if err != nil {
		if restoreErr := i.served.recreate(ctx, now); restoreErr != nil {
			err = restoreErr
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		return serving{ca: i.current.ca}, err
	}
	current, err := parseServing(object.Data)
	if err != nil && (i.readError == nil || i.readError.Error() != err.Error()) {
		i.log.Error(err, "replace the unreadable contents of the serving Secret", "secret", i.served.watch.what)
	}
	i.readError = err
	i.mu.Lock()
	defer i.mu.Unlock()
	i.current = current
	return current, nil
}

// pathRequestedAt returns when a new path was last requested: at the start of this process, or at the end of an outage.
func (i *Issuer) pathRequestedAt() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return maxTime(i.started, i.outage.lastOutageEnd())
}

// joinOutstanding joins errors in one line. The result is a waitingError if all of them are.
func joinOutstanding(errs ...error) error {
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
		return waitingError(text)
	default:
		return errors.New(text)
	}
}

// recordOutstanding keeps for Ready what is outstanding, and logs it when it has changed.
func (i *Issuer) recordOutstanding(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	before := i.outstanding
	i.outstanding = err
	switch {
	case err == nil || before != nil && before.Error() == err.Error():
	case isWaiting(err):
		i.log.Info("wait for the certificate", "for", err.Error())
	default:
		i.log.Error(err, "maintain the certificate")
	}
}

// recordLibraryError keeps the last error of cert-manager's library.
func (i *Issuer) recordLibraryError(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.libraryError = err
}

// Ready returns nil once the webhook configuration holds the CA of the certificate that replicas serve and a path that they
// accept, and else an error that names what is missing. It is a healthz.Checker.
func (i *Issuer) Ready(*http.Request) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	var err error
	switch now := time.Now(); {
	case i.current.cert == nil:
		err = errors.New("no serving certificate has been issued yet")
	case i.findSigner(i.current.cert).ca == nil:
		err = errors.New("caBundle does not hold the CA of the serving certificate")
	case now.After(i.current.cert.Leaf.NotAfter):
		err = fmt.Errorf("the serving certificate expired at %s", i.current.cert.Leaf.NotAfter.Format(time.RFC3339))
	case !i.current.paths.hasToken(i.config.currentPath().token):
		err = errors.New("the webhook configuration does not hold a path that replicas accept")
	default:
		return nil
	}
	if i.outstanding != nil {
		err = fmt.Errorf("%w: %w", err, i.outstanding)
	}
	if i.libraryError != nil {
		err = fmt.Errorf("%w (%w)", err, i.libraryError)
	}
	return err
}

// servingCA returns the CA that signed the served certificate, for metrics; nil before there is one.
func (i *Issuer) servingCA() *x509.Certificate {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.current.ca
}
