package lightermancmd

import (
	"fmt"
	"os"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"lighterman.dev/lighterman/internal/cli"
)

// managerOptions are the flags of a command that the chart runs as a Deployment, under a manager of controller-runtime.
type managerOptions struct {
	healthAddress, metricsAddress string
	namespace, service            string
	log                           cli.LogOptions
}

func (o *managerOptions) bindFlags(f *pflag.FlagSet) {
	f.StringVar(&o.healthAddress, "health-address", ":8081", "address of /healthz and /readyz")
	f.StringVar(&o.metricsAddress, "metrics-address", ":8080", `address of /metrics; "0" switches it off`)
	f.StringVar(&o.namespace, "namespace", "", "namespace of the release")
	f.StringVar(&o.service, "service", "lighterman", "name of the webhook's Service")
	o.log.BindFlags(f)
}

// newLogger returns the process's logger, with which controller-runtime and client-go log, too.
func (o *managerOptions) newLogger() (logr.Logger, error) {
	handler, err := o.log.SetUp(os.Stderr)
	if err != nil {
		return logr.Logger{}, err
	}
	logger := logr.FromSlogHandler(handler)
	klog.SetLogger(logger.WithName("client"))
	ctrl.SetLogger(logger)
	return logger, nil
}

// newKubeconfig returns how the API server is reached by a process that calls itself userAgent.
func newKubeconfig(userAgent string) (*rest.Config, error) {
	kubeconfig, err := config.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("find the API server: %w", err)
	}
	kubeconfig.UserAgent = userAgent
	return kubeconfig, nil
}

// newManager returns a manager that serves metrics and health, with what options set besides.
func (o *managerOptions) newManager(
	kubeconfig *rest.Config, log logr.Logger, options manager.Options,
) (ctrl.Manager, error) {
	options.Logger = log
	options.Metrics = server.Options{BindAddress: o.metricsAddress}
	options.HealthProbeBindAddress = o.healthAddress
	mgr, err := ctrl.NewManager(kubeconfig, options)
	if err != nil {
		return nil, fmt.Errorf("set up the manager: %w", err)
	}
	// /healthz reports only that the process answers: a restart does not repair a certificate.
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return nil, fmt.Errorf("add check ping: %w", err)
	}
	return mgr, nil
}
