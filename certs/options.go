package certs

import (
	"errors"
	"flag"
	"fmt"
	"time"
)

// Mode says where serving certificates come from. It is the value of --certs.
type Mode string

const (
	// Embedded keeps a CA in a Secret and signs in memory. It needs nothing else in the cluster.
	Embedded Mode = "embedded"
	// Files serves tls.crt and tls.key of a directory. Whoever writes them also fills caBundle.
	Files Mode = "files"

	// certManager is known, so that it can be refused with the alternative.
	certManager Mode = "cert-manager"
)

const (
	defaultCADuration   = 365 * 24 * time.Hour
	defaultLeafDuration = 7 * 24 * time.Hour
	defaultSettleDelay  = 5 * time.Second
)

// Options configure a Source.
type Options struct {
	// Mode is where certificates come from. Empty means Embedded.
	Mode Mode
	// Namespace holds the CA Secret. Embedded mode requires it.
	Namespace string
	// SecretName is the Secret that keeps the CA. It may exist and be empty. Embedded mode requires it.
	SecretName string
	// WebhookConfiguration is the name of the MutatingWebhookConfiguration whose caBundle is kept. All its webhooks
	// must be ours. Embedded mode requires it; Files mode ignores it.
	WebhookConfiguration string
	// DNSNames are the names that the certificate is for, the one that the API server uses first; see DNSNames.
	// Embedded mode requires one. Files mode checks the first against the certificate; empty checks nothing.
	DNSNames []string
	// Dir holds tls.crt and tls.key. Files mode requires it; Embedded mode ignores it.
	Dir string
	// CADuration is how long a CA is valid; it is replaced after two thirds of it. Zero means 365 days.
	CADuration time.Duration
	// LeafDuration is how long a serving certificate is valid; it is replaced after two thirds of it. Zero means 7 days.
	LeafDuration time.Duration
	// SettleDelay is how long a new certificate waits after caBundle holds its CA, so that every API server has read
	// caBundle, and so that clocks that far apart agree that the certificate is valid. Zero means 5 seconds.
	SettleDelay time.Duration
}

// DNSNames returns the names of a Service, the one that API servers use first.
func DNSNames(service, namespace string) []string {
	name := service + "." + namespace + ".svc"
	return []string{name, name + ".cluster.local"}
}

// BindFlags defines the flags that Validate names. Namespace and DNSNames have none here: the program knows both
// from flags that it needs anyway.
func (o *Options) BindFlags(fs *flag.FlagSet) {
	fs.Func("certs", "where serving certificates come from: embedded or files (default embedded)", func(s string) error {
		o.Mode = Mode(s)
		return nil
	})
	fs.StringVar(&o.SecretName, "certs-secret", o.SecretName,
		"`name` of the Secret that keeps the CA in embedded mode")
	fs.StringVar(&o.WebhookConfiguration, "webhook-configuration", o.WebhookConfiguration,
		"`name` of the MutatingWebhookConfiguration whose caBundle embedded mode keeps")
	fs.StringVar(&o.Dir, "certs-dir", o.Dir, "`directory` with tls.crt and tls.key in files mode")
	fs.DurationVar(&o.CADuration, "certs-ca-duration", defaultCADuration, "how long a CA of embedded mode is valid")
	fs.DurationVar(&o.LeafDuration, "certs-leaf-duration", defaultLeafDuration,
		"how long a serving certificate of embedded mode is valid")
	fs.DurationVar(&o.SettleDelay, "certs-settle-delay", defaultSettleDelay,
		"how long a new certificate of embedded mode waits after caBundle holds its CA")
}

// Validate reports everything that is wrong, each problem with its flag and its cure.
func (o Options) Validate() error {
	switch o.Mode {
	case "", Embedded:
		return o.validateEmbedded()
	case Files:
		if o.Dir == "" {
			return errors.New("--certs=files needs --certs-dir: name the directory that holds tls.crt and tls.key")
		}
		return nil
	case certManager:
		return errors.New("not supported in this version: --certs=cert-manager; use --certs=embedded, " +
			"or mount the Certificate's Secret and use --certs=files with --certs-dir")
	default:
		return fmt.Errorf("--certs=%s is not a mode: use embedded or files", o.Mode)
	}
}

func (o Options) validateEmbedded() error {
	var errs []error
	require := func(ok bool, problem string) {
		if !ok {
			errs = append(errs, errors.New(problem))
		}
	}
	require(o.Namespace != "", "--certs=embedded needs --namespace: name the namespace of the release")
	require(o.SecretName != "", "--certs=embedded needs --certs-secret: name the Secret that keeps the CA")
	require(o.WebhookConfiguration != "",
		"--certs=embedded needs --webhook-configuration: name the MutatingWebhookConfiguration of the release")
	require(len(o.DNSNames) > 0, "--certs=embedded needs --service: name the Service of the webhook")

	o = o.withDefaults()
	require(o.CADuration > 0 && o.LeafDuration > 0 && o.SettleDelay > 0,
		"--certs-ca-duration, --certs-leaf-duration and --certs-settle-delay must be positive")
	require(o.LeafDuration < o.CADuration, fmt.Sprintf(
		"--certs-leaf-duration=%s must be shorter than --certs-ca-duration=%s", o.LeafDuration, o.CADuration))
	// A certificate is replaced when a third of its life is left: the new one must pass the gate before that ends.
	require(o.SettleDelay < o.LeafDuration/3, fmt.Sprintf(
		"--certs-settle-delay=%s must be shorter than a third of --certs-leaf-duration=%s", o.SettleDelay, o.LeafDuration))
	return errors.Join(errs...)
}

func (o Options) withDefaults() Options {
	if o.Mode == "" {
		o.Mode = Embedded
	}
	if o.CADuration == 0 {
		o.CADuration = defaultCADuration
	}
	if o.LeafDuration == 0 {
		o.LeafDuration = defaultLeafDuration
	}
	if o.SettleDelay == 0 {
		o.SettleDelay = defaultSettleDelay
	}
	return o
}
