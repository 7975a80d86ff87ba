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
		Short: "Diagnose a pod's access to its object store",
		Long: `Diagnose, step by step, a pod's access to its object store, and print how to repair what fails.

A temporary pod runs in the namespace, as the given service account. It goes through Lighterman's webhook as a backup's pod
does, so it has the same token, Secrets, CA bundle and network. In it "uploader doctor" checks all of these, exchanges the
token for a credential, then writes, reads, lists and deletes an object below the profile's prefix, and reports how the
bucket protects its objects. The pod is removed at the end.

Where the prefix has {workload}, the place is that of a workload called lighterman-doctor, unless --workload names
another: an identity that may write below one workload's place only needs it.

Each line of the report begins with ok or FAIL; the line below a failure is its cure. The report is standard output; progress
and warnings are standard error. The profile needs no uploader. The image is that of the sidecar which the webhook would add.

Exit codes: 0 when every step is ok; 1 when the report has a failure; 2 when there is no report, because the webhook denies
the pod or does not see it, or because the pod cannot run: the last line gives the reason.

You need these permissions in the namespace: create, get and delete on pods, and get on pods/log. With list on events and get
on the namespace, the messages are more exact.`,
		Example: `  # Check whether the backups of this service account reach their store
  lighterman doctor -n payments --profile backups --serviceaccount backup

  # With a cluster profile, and with the labels that a network policy selects
  lighterman doctor -n payments --cluster-profile offsite --serviceaccount backup --labels app=pg-dump

  # Without a profile's name: the one that a pod gets by default or by its labels
  lighterman doctor -n payments --serviceaccount backup`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.kubeconfig, "kubeconfig", "",
		"path of the kubeconfig; empty: KUBECONFIG, ~/.kube/config, or the pod's service account")
	f.StringVar(&o.context, "context", "", "context of the kubeconfig; empty: the current one")
	f.StringVarP(&o.Namespace, "namespace", "n", "", "namespace of the pod; empty: the context's namespace")
	f.StringVar(&o.Profile, "profile", "", "name of the CredentialProfile, in the pod's namespace")
	f.StringVar(&o.ClusterProfile, "cluster-profile", "", "name of the ClusterCredentialProfile")
	f.StringVar(&o.ServiceAccount, "serviceaccount", "default", "service account that the backup runs as")
	f.StringVar(&o.Workload, "workload", inpod.DefaultWorkload,
		"CronJob, StatefulSet or other workload whose place to check: what {workload} of the profile's prefix stands for")
	f.StringVar(&o.Image, "image", "",
		"uploader image for the pod; empty: the image of the sidecar which the webhook adds")
	f.StringToStringVar(&o.Labels, "labels", nil,
		"labels of the pod, which network policies may select: app=dump,team=payments")
	f.DurationVar(&o.Timeout, "timeout", 3*time.Minute, "time limit for the whole diagnosis")
	cmd.MarkFlagsMutuallyExclusive("profile", "cluster-profile")
	return cmd
}

func (o *doctorOptions) run(ctx context.Context, out, notes io.Writer) error {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules,
		&clientcmd.ConfigOverrides{CurrentContext: o.context})
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
