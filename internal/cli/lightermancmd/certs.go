package lightermancmd

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"lighterman.dev/lighterman/certs"
	"lighterman.dev/lighterman/webhook"
)

// certsOptions are the flags of "lighterman certs".
type certsOptions struct {
	managerOptions

	version string
	issuer  certs.IssuerOptions
}

func newCertsCommand(version string) *cobra.Command {
	o := certsOptions{version: version}
	cmd := &cobra.Command{
		Use:   "certs",
		Short: "Issue and rotate the webhook's CA, certificate and path",
		Long: `Issue and rotate the webhook's CA, serving certificate and secret URL path. The CA and its key are kept in one Secret;
certificate and paths are written to a second one, which the replicas of the webhook read; CA and path are published in the
webhook configuration. The Helm chart runs one such process, with a service account of its own, so that the replicas, which
the network reaches, need no permission to change a webhook configuration and never hold the CA's key.

While the process is down, the replicas go on serving with the last certificate and paths.`,
		Example: `  # What the Helm chart runs
  lighterman certs --namespace=lighterman-system --ca-secret=lighterman-ca --certs-secret=lighterman-serving \
    --webhook-configuration=lighterman --deployment=lighterman`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runCerts(cmd.Context(), &o) },
	}
	f := cmd.Flags()
	o.bindFlags(f)
	issuerFlags := flag.NewFlagSet("certs", flag.ContinueOnError)
	o.issuer.BindFlags(issuerFlags)
	f.AddGoFlagSet(issuerFlags)
	return cmd
}

func runCerts(ctx context.Context, o *certsOptions) error {
	log, err := o.newLogger()
	if err != nil {
		return err
	}
	o.issuer.Namespace = o.namespace
	o.issuer.DNSNames = certs.DNSNames(o.service, o.issuer.Namespace)
	o.issuer.PathPrefix = webhook.Path + "/"
	if err := o.issuer.Validate(); err != nil {
		return err
	}
	kubeconfig, err := newKubeconfig("lighterman-certs/" + o.version)
	if err != nil {
		return err
	}
	issuer, err := certs.NewIssuer(kubeconfig, o.issuer, log.WithName("certs"))
	if err != nil {
		return err
	}
	mgr, err := o.newManager(kubeconfig, log, manager.Options{Scheme: runtime.NewScheme()})
	if err != nil {
		return err
	}
	err = errors.Join(mgr.Add(issuer), metrics.Registry.Register(issuer), mgr.AddReadyzCheck("certificate", issuer.Ready))
	if err != nil {
		return fmt.Errorf("add the issuer of certificates: %w", err)
	}
	log.Info("start the issuer of certificates", "version", o.version)
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("keep certificates: %w", err)
	}
	return nil
}
