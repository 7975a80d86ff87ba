package lightermancmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"

	"lighterman.dev/lighterman/internal/cli"
	"lighterman.dev/lighterman/internal/exitcode"
	"lighterman.dev/lighterman/internal/inpod"
)

// doctorOptions are the flags of "lighterman doctor".
type doctorOptions struct {
	inpod.Options

	version, kubeconfig, context string
}

func newDoctorCommand(version string) *cobra.Command {
	o := doctorOptions{version: version}
	cmd := &cobra.Command{
		Use:   "doctor --profile NAME",
		Short: "Say step by step what works between a pod of the cluster and its store",
		Long: `Say step by step what works between a pod of the cluster and its store, and what to do about what does not.

A short pod runs in the namespace, as the service account that is named. It goes through Lighterman's webhook as a backup's
pod does, so it has the same token, Secrets, CA bundle and network. In it "uploader doctor" looks at all of these, exchanges
the token for a credential, then writes, reads, lists and deletes an object below the profile's prefix, and says how the
bucket guards its objects. The pod is removed in the end.

Each line says ok or FAIL; under a failure stands what to do. The report is standard output; what happens meanwhile is
standard error. The profile needs no uploader. The image is that of the sidecar which the webhook would add.

Exit codes: 0 when all is well; 1 when the report has a failure; 2 when there is no report, because the webhook denies the
pod, does not see it, or the pod cannot run: the last line says why.

The caller needs, in the namespace: create, get and delete on pods, and get on pods/log; list on events and get on the
namespace make the answers better.`,
		Example: `  # Would the backups of this service account reach their store?
  lighterman doctor -n payments --profile backups --serviceaccount backup

  # With a cluster profile, and with the labels that a network policy selects
  lighterman doctor -n payments --cluster-profile offsite --serviceaccount backup --labels app=pg-dump

  # What a pod gets that names no profile (namespaces labelled "selected")
  lighterman doctor -n payments --serviceaccount backup`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "path of the kubeconfig; empty: that of KUBECONFIG, ~/.kube/config, or the pod's own")
	f.StringVar(&o.context, "context", "", "context of the kubeconfig; empty: the current one")
	f.StringVarP(&o.Namespace, "namespace", "n", "", "namespace of the pod; empty: that of the context")
	f.StringVar(&o.Profile, "profile", "", "CredentialProfile of the namespace")
	f.StringVar(&o.ClusterProfile, "cluster-profile", "", "ClusterCredentialProfile")
	f.StringVar(&o.ServiceAccount, "serviceaccount", "default", "service account of the pod: the one that the backup runs as")
	f.StringVar(&o.Image, "image", "", "image of the pod, an uploader's; empty: that of the sidecar which the webhook adds")
	f.StringToStringVar(&o.Labels, "labels", nil, "labels of the pod, for network policies: app=dump,team=payments")
	f.DurationVar(&o.Timeout, "timeout", 3*time.Minute, "how long all of it may take")
	cmd.MarkFlagsMutuallyExclusive("profile", "cluster-profile")
	return cmd
}

func (o *doctorOptions) run(ctx context.Context, out, notes io.Writer) error {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.context})
	config, err := loader.ClientConfig()
	if err != nil {
		return &cli.ExitError{Code: exitcode.NoReport, Err: fmt.Errorf("find the API server: %w", err)}
	}
	if o.Namespace == "" {
		if o.Namespace, _, err = loader.Namespace(); err != nil {
			return &cli.ExitError{Code: exitcode.NoReport, Err: fmt.Errorf("find the namespace: %w", err)}
		}
	}
	config.UserAgent = "lighterman/" + o.version
	o.Out, o.Notes = out, notes
	err = inpod.Run(ctx, config, o.Options)
	if err != nil && !errors.Is(err, inpod.ErrUnwell) {
		return &cli.ExitError{Code: exitcode.NoReport, Err: err}
	}
	return err
}
