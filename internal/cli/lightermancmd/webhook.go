package lightermancmd

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"lighterman.dev/lighterman/certs"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/apiaudience"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook"
	"lighterman.dev/lighterman/webhook/caller"
	"lighterman.dev/lighterman/webhook/httpserver"
)

// webhookOptions are the flags of "lighterman webhook".
type webhookOptions struct {
	managerOptions

	version                 string
	port                    int
	lease                   string
	webhookConfiguration    string
	image, uploaderImage    string
	annotate, annotateNamed bool
	readOnly                bool
	callers                 callerOptions
	apiAudiences            []string
	shutdownDelay           time.Duration
	certs                   certs.Options
}

func newWebhookCommand(version string) *cobra.Command {
	o := webhookOptions{version: version}
	cmd := &cobra.Command{
		Use:   "webhook",
		Short: "Serve the admission webhook",
		Long: `Serve the admission webhook to the API server. The Helm chart runs this command and sets its flags; the kubeconfig
is that of the pod's service account, or the one that KUBECONFIG names.

On SIGTERM the process reports that it is not ready, waits for --shutdown-delay so that API servers stop sending requests,
answers the requests that it has received, and ends.`,
		Example: `  # On a workstation, with the cluster of KUBECONFIG, a certificate of your own, and nothing written to the cluster
  lighterman webhook --namespace=lighterman-system --certs=files --certs-dir=tls --read-only --annotate-service-accounts=false`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runWebhook(cmd.Context(), &o) },
	}
	f := cmd.Flags()
	f.IntVar(&o.port, "port", 9443, "port that serves admission reviews (TLS 1.3)")
	o.bindFlags(f)
	f.StringVar(&o.webhookConfiguration, "webhook-configuration", "lighterman",
		"name of the MutatingWebhookConfiguration that sends the reviews")
	f.StringVar(&o.lease, "lease", "lighterman",
		"name of the Lease that elects the replica which writes the profiles' status")
	f.StringVar(&o.image, "image", "", "image of the containers that join CA bundles (caBundle.mode: Append)")
	f.StringVar(&o.uploaderImage, "uploader-image", "", "image of the uploader sidecar (spec.uploader)")
	f.BoolVar(&o.annotate, "annotate-service-accounts", true,
		"watch service accounts, and write the annotations that profiles request; false: pods with such a profile are "+
			"denied, and a service account's default profile is ignored")
	f.BoolVar(&o.annotateNamed, "annotate-named-only", false,
		"annotate only the service accounts that profiles name in spec.allowedServiceAccounts, and never because of a "+
			"review; implied where reviews cannot be authenticated")
	f.StringSliceVar(&o.apiAudiences, "api-audiences", nil,
		"audiences of the API server that profiles must not name, besides all spellings of kubernetes.default.svc and the "+
			"audiences of the process's own token")
	f.BoolVar(&o.readOnly, "read-only", false,
		"write nothing to the cluster: no status, events or Lease; needs --annotate-service-accounts=false")
	o.callers.bindFlags(f)
	f.DurationVar(&o.shutdownDelay, "shutdown-delay", 5*time.Second,
		"how long the process serves after it has reported that it is not ready")
	certFlags := flag.NewFlagSet("certs", flag.ContinueOnError)
	o.certs.BindFlags(certFlags)
	f.AddGoFlagSet(certFlags)
	return cmd
}

// injectorSettings returns the part of the injector's input that the process determines.
func (o *webhookOptions) injectorSettings(log logr.Logger) (injector.Settings, error) {
	audiences, err := apiaudience.List(o.apiAudiences, apiaudience.TokenFile)
	if err != nil {
		return injector.Settings{}, err
	}
	log.Info("refuse profiles that name an audience of the API server", "audiences", audiences)
	return injector.Settings{
		Version: o.version, Image: o.image, UploaderImage: o.uploaderImage,
		Cluster: profile.Cluster{NoServiceAccountAnnotations: !o.annotate, APIAudiences: audiences},
	}, nil
}

// validate completes the options of the certificates, and reports flags that are missing or contradict each other.
func (o *webhookOptions) validate() error {
	if o.namespace == "" {
		return errors.New("--namespace is required: name the namespace of the release")
	}
	o.certs.Namespace = o.namespace
	o.certs.DNSNames = certs.DNSNames(o.service, o.namespace)
	o.certs.PathPrefix = webhook.Path + "/"
	if err := o.certs.Validate(); err != nil {
		return err
	}
	if o.readOnly && o.annotate {
		return errors.New("--read-only needs --annotate-service-accounts=false: an annotation is written, too")
	}
	return nil
}

func runWebhook(ctx context.Context, o *webhookOptions) error {
	log, err := o.newLogger()
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		// An admission leaves little to collect, and most of the heap is caches: a smaller reserve saves a quarter of the
		// memory in large clusters.
		debug.SetGCPercent(40)
	}
	if err := o.validate(); err != nil {
		return err
	}
	kubeconfig, err := newKubeconfig("lighterman/" + o.version)
	if err != nil {
		return err
	}
	// The API server's own priority and fairness limits us better than a client-side guess.
	kubeconfig.QPS = -1
	source, err := certs.New(kubeconfig, o.certs, log.WithName("certs"))
	if err != nil {
		return err
	}
	var paths caller.Paths
	if source.HasPaths() {
		paths = source
	}
	callers, err := o.newAuthenticator(kubeconfig, paths, log.WithName("callers"))
	if err != nil {
		return err
	}
	mgr, err := o.newWebhookManager(kubeconfig, log, source, callers)
	if err != nil {
		return err
	}
	settings, err := o.injectorSettings(log)
	if err != nil {
		return err
	}
	gate := webhook.Gate{
		Callers: callers, ReleaseNamespace: o.namespace, NamedAccountsOnly: o.annotateNamed, ReadOnly: o.readOnly,
	}
	cachesReady, err := webhook.Setup(ctx, mgr, settings, gate, metrics.Registry)
	if err != nil {
		return err
	}
	if err := errors.Join(mgr.Add(source), mgr.Add(callers), metrics.Registry.Register(source)); err != nil {
		return fmt.Errorf("add the certificate source and the authentication of callers: %w", err)
	}
	var draining atomic.Bool
	if err := addReadyChecks(mgr, &draining, healthz.Checker(cachesReady), source.Ready); err != nil {
		return err
	}
	log.Info("start the webhook", "version", o.version, "port", o.port)
	if err := mgr.Start(drainContext(ctx, &draining, o.shutdownDelay, log)); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

func (o *webhookOptions) newWebhookManager(
	kubeconfig *rest.Config, log logr.Logger, source *certs.Source, callers *caller.Authenticator,
) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	if err := webhook.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("register types: %w", err)
	}
	return o.newManager(kubeconfig, log, manager.Options{
		Scheme: scheme,
		Cache:  webhook.CacheOptions(),
		WebhookServer: httpserver.New(httpserver.Options{
			Port: o.port,
			ConfigureTLS: func(c *tls.Config) {
				c.GetCertificate = source.GetCertificate
				callers.ConfigureTLS(c)
			},
			Log: log.WithName("server"),
		}),
		LeaderElection:                !o.readOnly,
		LeaderElectionID:              o.lease,
		LeaderElectionNamespace:       o.namespace,
		LeaderElectionReleaseOnCancel: true,
	})
}
