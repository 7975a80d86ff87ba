package certs

import (
	"errors"
	"flag"
	"fmt"
	"time"
)

// Mode is the source of serving certificates. It is the value of --certs.
type Mode string

const (
	// Embedded serves the certificate that an Issuer writes to a Secret. It needs nothing else in the cluster.
	Embedded Mode = "embedded"
	// Files serves tls.crt and tls.key of a directory. The program that writes them also fills caBundle.
	Files Mode = "files"

	// certManager is known, so that it can be refused with the alternative.
	certManager Mode = "cert-manager"
)

const (
	defaultCADuration   = 365 * 24 * time.Hour
	defaultLeafDuration = 7 * 24 * time.Hour
	defaultSettleDelay  = 5 * time.Second
	// defaultPathInterval is short because the creator of a pod can make an API server print the path: every call that
	// fails prints it.
	defaultPathInterval = 10 * time.Minute
)

// Options configure a Source.
type Options struct {
	// Mode is where certificates come from. Empty means Embedded.
	Mode Mode
	// Namespace holds the serving Secret. Embedded mode requires it.
	Namespace string
	// SecretName is the Secret to which an Issuer writes. It may exist and be empty. Embedded mode requires it.
	SecretName string
	// DNSNames are the names that the certificate is for, the one that the API server uses first; see DNSNames.
	// Embedded mode requires one. Files mode checks the first against the certificate; empty checks nothing.
	DNSNames []string
	// PathPrefix is the path of the webhook before its secret part.
	PathPrefix string
	// Dir holds tls.crt and tls.key. Files mode requires it; Embedded mode ignores it.
	Dir string
	// PathFile holds the secret parts of the paths that are accepted in Files mode, one on a line. Empty: there are none.
	PathFile string
}

// IssuerOptions configure an Issuer. All names are required, but for Deployment.
type IssuerOptions struct {
	// Namespace holds both Secrets and the Deployment.
	Namespace string
	// CASecretName is the Secret that keeps the CA and its key. It may exist and be empty.
	CASecretName string
	// SecretName is the serving Secret, which replicas read.
	SecretName string
	// WebhookConfiguration is the name of the MutatingWebhookConfiguration whose caBundle and path are kept. All its
	// webhooks must be ours.
	WebhookConfiguration string
	// Deployment is that of the replicas: when none of them is ready, the path is replaced afterwards. Empty: it is
	// replaced by time alone.
	Deployment string
	// DNSNames are the names that the certificate is for, the one that the API server uses first.
	DNSNames []string
	// PathPrefix is the path of the webhook before its secret part.
	PathPrefix string
	// CADuration is how long a CA is valid; it is replaced after two thirds of it. Zero means 365 days.
	CADuration time.Duration
	// LeafDuration is how long a serving certificate is valid; it is replaced after two thirds of it. Zero means 7 days.
	LeafDuration time.Duration
	// SettleDelay is how long a new certificate waits after caBundle holds its CA, so that every API server has read
	// caBundle, and so that clocks that far apart agree that the certificate is valid; and how long a new path is accepted
	// before it is published. Zero means 5 seconds.
	SettleDelay time.Duration
	// PathInterval is how long a path is used. Zero means 10 minutes.
	PathInterval time.Duration
	// PathGrace is how long a replaced path is still accepted. Zero means a minute.
	PathGrace time.Duration

	pathSpacing time.Duration // see pathRules; zero means a minute
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
		"`name` of the Secret to which \"lighterman certs\" writes certificate and paths in embedded mode")
	fs.StringVar(&o.Dir, "certs-dir", o.Dir, "`directory` with tls.crt and tls.key in files mode")
	fs.StringVar(&o.PathFile, "path-file", o.PathFile,
		"`file` with the secret parts of the paths by which API servers may call in files mode, one on a line; read again when it changes")
}

// Validate returns all problems of the options, each with its flag and its cure.
func (o Options) Validate() error {
	switch o.Mode {
	case "", Embedded:
		var p problems
		p.addUnless(o.Namespace != "", "--certs=embedded needs --namespace: name the namespace of the release")
		p.addUnless(o.SecretName != "", "--certs=embedded needs --certs-secret: name the Secret to which lighterman certs writes")
		p.addUnless(len(o.DNSNames) > 0, "--certs=embedded needs --service: name the Service of the webhook")
		p.addUnless(o.PathFile == "", "--path-file is for --certs=files: in embedded mode the paths are in the Secret")
		return errors.Join(p...)
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

// BindFlags defines the flags that Validate names, but for those of Namespace and DNSNames.
func (o *IssuerOptions) BindFlags(fs *flag.FlagSet) {
	fs.StringVar(&o.CASecretName, "ca-secret", o.CASecretName, "`name` of the Secret that keeps the CA and its key")
	fs.StringVar(&o.SecretName, "certs-secret", o.SecretName,
		"`name` of the Secret that is given the serving certificate and the paths, for the replicas to read")
	fs.StringVar(&o.WebhookConfiguration, "webhook-configuration", o.WebhookConfiguration,
		"`name` of the MutatingWebhookConfiguration whose caBundle and path are kept")
	fs.StringVar(&o.Deployment, "deployment", o.Deployment,
		"`name` of the replicas' Deployment: the path is replaced after none of them was ready")
	fs.DurationVar(&o.CADuration, "ca-duration", defaultCADuration, "how long a CA is valid")
	fs.DurationVar(&o.LeafDuration, "leaf-duration", defaultLeafDuration, "how long a serving certificate is valid")
	fs.DurationVar(&o.SettleDelay, "settle-delay", defaultSettleDelay,
		"how long a new certificate waits after caBundle holds its CA, and how long a new path is accepted before it is published")
	fs.DurationVar(&o.PathInterval, "path-rotation-interval", defaultPathInterval,
		"how long a path of the webhook is used before it is replaced")
}

// Validate reports everything that is wrong, each problem with its flag and its cure.
func (o IssuerOptions) Validate() error {
	var p problems
	p.addUnless(o.Namespace != "", "--namespace is required: name the namespace of the release")
	p.addUnless(o.CASecretName != "", "--ca-secret is required: name the Secret that keeps the CA")
	p.addUnless(o.SecretName != "", "--certs-secret is required: name the Secret that the replicas read")
	p.addUnless(o.CASecretName != o.SecretName || o.SecretName == "",
		"--ca-secret and --certs-secret must differ: the replicas must not read the CA's key")
	p.addUnless(o.WebhookConfiguration != "",
		"--webhook-configuration is required: name the MutatingWebhookConfiguration of the release")
	p.addUnless(len(o.DNSNames) > 0, "--service is required: name the Service of the webhook")

	o = o.withDefaults()
	p.addUnless(o.CADuration > 0 && o.LeafDuration > 0 && o.SettleDelay > 0 && o.PathInterval > 0,
		"--ca-duration, --leaf-duration, --settle-delay and --path-rotation-interval must be positive")
	p.addUnless(o.LeafDuration < o.CADuration, fmt.Sprintf(
		"--leaf-duration=%s must be shorter than --ca-duration=%s", o.LeafDuration, o.CADuration))
	// A certificate is replaced when a third of its life is left: the new one must pass the gate before that ends.
	p.addUnless(o.SettleDelay < o.LeafDuration/3, fmt.Sprintf(
		"--settle-delay=%s must be shorter than a third of --leaf-duration=%s", o.SettleDelay, o.LeafDuration))
	// A path is published, and its predecessor dropped, before the next one comes.
	p.addUnless(o.SettleDelay+o.PathGrace < o.PathInterval, fmt.Sprintf(
		"--path-rotation-interval=%s must be longer than --settle-delay=%s and the %s for which a replaced path is accepted",
		o.PathInterval, o.SettleDelay, o.PathGrace))
	return errors.Join(p...)
}

func (o IssuerOptions) withDefaults() IssuerOptions {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.CADuration, defaultCADuration},
		{&o.LeafDuration, defaultLeafDuration},
		{&o.SettleDelay, defaultSettleDelay},
		{&o.PathInterval, defaultPathInterval},
		{&o.PathGrace, defaultPathGrace},
		{&o.pathSpacing, defaultPathSpacing},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	return o
}

func (o IssuerOptions) pathRules() pathRules {
	return pathRules{interval: o.PathInterval, settle: o.SettleDelay, grace: o.PathGrace, spacing: o.pathSpacing}
}

// problems collects the reasons why options are invalid.
type problems []error

// addUnless adds the problem unless ok.
func (p *problems) addUnless(ok bool, problem string) {
	if !ok {
		*p = append(*p, errors.New(problem))
	}
}
