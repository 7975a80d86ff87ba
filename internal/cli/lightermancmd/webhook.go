package lightermancmd

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"lighterman.dev/lighterman/certs"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook"
	"lighterman.dev/lighterman/webhook/caller"
	"lighterman.dev/lighterman/webhook/httpserver"
)

// webhookOptions are the flags of "lighterman webhook".
type webhookOptions struct {
	version                       string
	port                          int
	healthAddress, metricsAddress string
	namespace, service, lease     string
	webhookConfiguration          string
	image, uploaderImage          string
	annotate, annotateNamed       bool
	readOnly                      bool
	callers                       callerOptions
	log                           logOptions
	apiAudiences                  []string
	shutdownDelay                 time.Duration
	certs                         certs.Options
}

func newWebhookCommand(version string) *cobra.Command {
	o := webhookOptions{version: version}
	cmd := &cobra.Command{
		Use:   "webhook",
		Short: "Serve the admission webhook",
		Long: `Serve the admission webhook to the API server. The Helm chart runs this command and sets its flags; the kubeconfig
is that of the pod's service account, or the one that KUBECONFIG names.

On SIGTERM the process first reports that it is not ready, waits for --shutdown-delay so that no new request is sent
to it, answers the requests that it has, and ends.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runWebhook(cmd.Context(), &o) },
	}
	f := cmd.Flags()
	f.IntVar(&o.port, "port", 9443, "port on which the API server's reviews are answered (TLS 1.3)")
	f.StringVar(&o.healthAddress, "health-address", ":8081", "address of /healthz and /readyz")
	f.StringVar(&o.metricsAddress, "metrics-address", ":8080", `address of /metrics; "0" switches it off`)
	f.StringVar(&o.namespace, "namespace", "", "namespace of the release")
	f.StringVar(&o.service, "service", "lighterman", "name of the Service before the webhook")
	f.StringVar(&o.webhookConfiguration, "webhook-configuration", "lighterman", "name of the MutatingWebhookConfiguration whose reviews are answered")
	f.StringVar(&o.lease, "lease", "lighterman", "name of the Lease by which the replica that writes profiles' status is elected")
	f.StringVar(&o.image, "image", "", "image of the containers that are added to pods (caBundle.mode: Append)")
	f.StringVar(&o.uploaderImage, "uploader-image", "", "image of the sidecar that uploads a pod's files (spec.uploader)")
	f.BoolVar(&o.annotate, "annotate-service-accounts", true, "watch service accounts, and annotate those of pods as profiles ask; false: such profiles deny the pod, and a service account names no default profile")
	f.BoolVar(&o.annotateNamed, "annotate-named-only", false, "annotate only the service accounts that profiles name in spec.allowedServiceAccounts, before any pod asks, and never because of a review; implied where no review can be told to be the API server's")
	f.StringSliceVar(&o.apiAudiences, "api-audiences", nil, "audiences of the API server that no profile may name, besides kubernetes.default.svc in every spelling and those of the process's own token")
	f.BoolVar(&o.readOnly, "read-only", false, "write nothing: no status of profiles, no events, no Lease; needs --annotate-service-accounts=false")
	o.callers.bind(f)
	f.DurationVar(&o.shutdownDelay, "shutdown-delay", 5*time.Second, "how long to go on serving after readiness was withdrawn")
	o.log.bind(f)
	certFlags := flag.NewFlagSet("certs", flag.ContinueOnError)
	o.certs.BindFlags(certFlags)
	f.AddGoFlagSet(certFlags)
	return cmd
}

// settings returns what the process decides for the rules.
func (o *webhookOptions) settings(log logr.Logger) (injector.Settings, error) {
	audiences, err := apiAudiences(o.apiAudiences, ownTokenFile)
	if err != nil {
		return injector.Settings{}, err
	}
	log.Info("refuse profiles that name an audience of the API server", "audiences", audiences)
	return injector.Settings{
		Version: o.version, Image: o.image, UploaderImage: o.uploaderImage,
		Cluster: profile.Cluster{NoServiceAccountAnnotations: !o.annotate, APIAudiences: audiences},
	}, nil
}

func runWebhook(ctx context.Context, o *webhookOptions) error {
	log, err := o.log.logger()
	if err != nil {
		return err
	}
	ctrl.SetLogger(log)
	if os.Getenv("GOGC") == "" {
		// An admission leaves little to collect, and most of the heap is caches: a smaller reserve saves a quarter of the
		// memory in large clusters.
		debug.SetGCPercent(40)
	}
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
	kubeconfig, err := config.GetConfig()
	if err != nil {
		return fmt.Errorf("find the API server: %w", err)
	}
	kubeconfig.UserAgent = "lighterman/" + o.version
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
	callers, err := o.authenticator(kubeconfig, paths, log.WithName("callers"))
	if err != nil {
		return err
	}
	mgr, err := newManager(o, kubeconfig, log, source, callers)
	if err != nil {
		return err
	}
	settings, err := o.settings(log)
	if err != nil {
		return err
	}
	gate := webhook.Gate{Callers: callers, ReleaseNamespace: o.namespace, NamedAccountsOnly: o.annotateNamed, ReadOnly: o.readOnly}
	cachesReady, err := webhook.Setup(ctx, mgr, settings, gate, metrics.Registry)
	if err != nil {
		return err
	}
	if err := errors.Join(mgr.Add(source), mgr.Add(callers), metrics.Registry.Register(source)); err != nil {
		return fmt.Errorf("add the certificate source and the authentication of callers: %w", err)
	}
	var leaving atomic.Bool
	if err := addChecks(mgr, &leaving, healthz.Checker(cachesReady), source.Ready); err != nil {
		return err
	}
	log.Info("Starting", "version", o.version, "port", o.port)
	if err := mgr.Start(delayed(ctx, &leaving, o.shutdownDelay, log)); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

func newManager(
	o *webhookOptions, kubeconfig *rest.Config, log logr.Logger, source *certs.Source, callers *caller.Authenticator,
) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	if err := webhook.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("register types: %w", err)
	}
	mgr, err := ctrl.NewManager(kubeconfig, manager.Options{
		Scheme: scheme,
		Logger: log,
		Cache:  webhook.CacheOptions(),
		WebhookServer: httpserver.New(httpserver.Options{
			Port: o.port,
			ConfigureTLS: func(c *tls.Config) {
				c.GetCertificate = source.GetCertificate
				callers.ConfigureTLS(c)
			},
			Log: log.WithName("server"),
		}),
		Metrics:                       server.Options{BindAddress: o.metricsAddress},
		HealthProbeBindAddress:        o.healthAddress,
		LeaderElection:                !o.readOnly,
		LeaderElectionID:              o.lease,
		LeaderElectionNamespace:       o.namespace,
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return nil, fmt.Errorf("set up the manager: %w", err)
	}
	return mgr, nil
}

// addChecks makes /readyz true only while the process can serve: the caches are filled, the certificate is there and
// trusted, the server listens, and nobody has asked it to end. /healthz says that the process answers, and no more: to
// restart it does not mend a certificate.
func addChecks(mgr ctrl.Manager, leaving *atomic.Bool, caches, certificate healthz.Checker) error {
	listens := mgr.GetWebhookServer().StartedChecker()
	checks := map[string]healthz.Checker{
		"caches":      caches,
		"certificate": certificate,
		"server": func(r *http.Request) error {
			if certificate(r) != nil {
				return errors.New("the server cannot answer without a certificate") // To try would fill the log.
			}
			return listens(r)
		},
		"leaving": func(*http.Request) error {
			if leaving.Load() {
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
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return fmt.Errorf("add check ping: %w", err)
	}
	return nil
}

// delayed gives a context that ends delay after ctx, with leaving set in between: requests go on arriving until every
// API server has seen that the endpoint is gone.
func delayed(ctx context.Context, leaving *atomic.Bool, delay time.Duration, log logr.Logger) context.Context {
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		leaving.Store(true)
		log.Info("Not ready any more: draining", "delay", delay.String())
		time.AfterFunc(delay, cancel)
	})
	return later
}
