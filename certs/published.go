package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// rereadTimeout bounds a read of the Secret that an unknown path causes.
const rereadTimeout = time.Second

// published serves the certificate that an Issuer wrote to the serving Secret. Invalid data never replaces valid data, nor does
// a Secret that was deleted or emptied.
type published struct {
	dnsName string
	log     logr.Logger
	client  kubernetes.Interface
	secret  *secret
	// rereads bounds how often unknown paths may have the Secret read.
	rereads *rate.Limiter

	mu        sync.Mutex
	serving   serving
	dataError error // what is wrong with the Secret's data, nil for nothing
}

func newPublished(cfg *rest.Config, o Options, log logr.Logger) (*published, error) {
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("make client for certificates: %w", err)
	}
	p := &published{dnsName: o.DNSNames[0], log: log, client: client, rereads: rate.NewLimiter(rate.Every(time.Second), 1)}
	p.secret, err = newSecret(client, o.Namespace, o.SecretName, nil, p.useSecret)
	return p, err
}

func (p *published) run(ctx context.Context) error {
	p.secret.factory.StartWithContext(logr.NewContext(ctx, p.log))
	<-ctx.Done()
	p.secret.factory.Shutdown()
	return nil
}

// useSecret serves the certificate of the Secret and accepts its paths, each if it is valid.
func (p *published) useSecret(object *corev1.Secret) {
	if object == nil {
		return
	}
	next, err := parseServing(object.Data)
	if next.cert != nil {
		if wrong := next.cert.Leaf.VerifyHostname(p.dnsName); wrong != nil {
			next.cert, err = nil, errors.Join(err, fmt.Errorf("API servers call %s: %w", p.dnsName, wrong))
		}
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", p.secret.watch.what, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil && (p.dataError == nil || p.dataError.Error() != err.Error()) {
		p.log.Error(err, "keep the previous certificate and paths", "serial", servedSerial(p.serving.cert))
	}
	p.dataError = err
	if next.cert != nil && !sameLeaf(next.cert, p.serving.cert) {
		p.log.Info("serve new certificate", "serial", formatSerial(next.cert.Leaf), "ca", formatSerial(next.ca),
			"notAfter", next.cert.Leaf.NotAfter, "dnsNames", next.cert.Leaf.DNSNames,
			"previousSerial", servedSerial(p.serving.cert), "previousCA", formatSerial(p.serving.ca))
		p.serving.cert, p.serving.ca = next.cert, next.ca
	}
	if len(next.paths) > 0 {
		p.serving.paths = next.paths
	}
}

func (p *published) currentCertificate() *tls.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.serving.cert
}

func (p *published) checkReady(now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	switch {
	case p.serving.cert == nil:
		err = errors.New("no certificate is served yet: lighterman certs issues one")
	case now.After(p.serving.cert.Leaf.NotAfter):
		err = fmt.Errorf("the certificate that is served expired at %s: does lighterman certs run?",
			p.serving.cert.Leaf.NotAfter.Format(time.RFC3339))
	case len(p.serving.paths) == 0:
		err = errors.New("no path is accepted yet: lighterman certs makes one")
	default:
		return nil
	}
	if p.dataError != nil {
		return fmt.Errorf("%w: %w", err, p.dataError)
	}
	if _, missing := p.secret.watch.lastSeen(); missing != nil {
		return fmt.Errorf("%w: %w", err, missing)
	}
	return err
}

// acceptsToken reports whether token is one of the paths. Where it is not, the Secret is read once more, at most once a second:
// a path may be published before a slow watch has shown it here.
func (p *published) acceptsToken(token string) bool {
	if p.isKnown(token) {
		return true
	}
	if !tokenPattern.MatchString(token) || !p.rereads.Allow() {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), rereadTimeout)
	defer cancel()
	object, err := p.client.CoreV1().Secrets(p.secret.namespace).Get(ctx, p.secret.name, metav1.GetOptions{})
	if err != nil {
		p.log.V(1).Info("read the serving Secret for a new path", "error", err.Error())
		return false
	}
	p.useSecret(object)
	return p.isKnown(token)
}

// isKnown reports whether a path has the token, without a read.
func (p *published) isKnown(token string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.serving.paths.hasToken(token)
}

// pathCreated returns when the newest path was made, zero when there is none.
func (p *published) pathCreated() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.serving.paths) == 0 {
		return time.Time{}
	}
	return p.serving.paths[len(p.serving.paths)-1].Created
}
