package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"lighterman.dev/lighterman/e2e/harness/cluster"
	"lighterman.dev/lighterman/e2e/harness/node"
	"lighterman.dev/lighterman/e2e/harness/tools"
)

func newCommand() *cobra.Command {
	var name string
	root := &cobra.Command{
		Use:   "cluster",
		Short: "Run a one-node Kubernetes cluster for tests, in namespaces of its own",
		Long: `Runs a real one-node Kubernetes cluster on this Linux machine, as root, without a container engine or a registry.

The programs are built once from the Go modules pinned in hack/tools, into
${LIGHTERMAN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lighterman}/tools: the first time takes about ten minutes on two
cores, later starts about ten seconds. The cluster lives in namespaces of its own; the machine's interfaces, routes,
mounts and sysctls stay as they are, and "down" leaves nothing behind. Clusters with different names run side by side.`,
		Example: `  cluster up
  export KUBECONFIG=$(cluster kubeconfig)
  cluster load lighterman.tar
  cluster kubectl -- get pods --all-namespaces
  cluster down`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().StringVar(&name, "name", cluster.DefaultName, "the cluster's name")
	find := func() (*cluster.Cluster, error) { return cluster.New(name) }
	root.AddCommand(newUp(find), newDown(find), newBuild(), newLoad(find), newKubectl(find), newKubeconfig(find), newStatus(find), newTestEnv(), newNode(), newGuard(find))
	return root
}

type finder func() (*cluster.Cluster, error)

func newUp(find finder) *cobra.Command {
	var timeout, idle time.Duration
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start the cluster and wait until pods can be created",
		Long:  "Starts the cluster, building first what is missing, and waits until pods can be created. A cluster that runs already is left as it is.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := find()
			if err != nil {
				return err
			}
			if err := c.Up(cmd.Context(), cluster.UpOptions{Log: cmd.ErrOrStderr(), Timeout: timeout, Idle: idle}); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "export KUBECONFIG=%s\n", c.Kubeconfig())
			return nil
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 3*time.Minute, "how long the start may take, builds not counted")
	cmd.Flags().DurationVar(&idle, "idle", 0, "end the cluster by itself once no test has used it for so long; 0: keep it")
	return cmd
}

func newDown(find finder) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "End the cluster and remove everything it kept",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := find()
			if err != nil {
				return err
			}
			return c.Down(cmd.ErrOrStderr())
		},
	}
}

func newBuild() *cobra.Command {
	return &cobra.Command{
		Use:   "build",
		Short: "Build the cluster's programs into the cache, without starting anything",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := tools.NewBuilder(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if _, err := cluster.Build(cmd.Context(), b); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "all programs are in %s\n", b.Cache)
			return nil
		},
	}
}

func newLoad(find finder) *cobra.Command {
	return &cobra.Command{
		Use:   "load IMAGE.tar...",
		Short: "Import image archives into the running cluster",
		Long:  "Imports image archives (OCI layout or docker save) into the running cluster. Pods use them by name with imagePullPolicy IfNotPresent or Never.",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := find()
			if err != nil {
				return err
			}
			return c.Load(cmd.Context(), args...)
		},
	}
}

func newKubectl(find finder) *cobra.Command {
	return &cobra.Command{
		Use:   "kubectl -- ARGS...",
		Short: "Run the cluster's own kubectl against it",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := find()
			if err != nil {
				return err
			}
			kubectl, err := c.Kubectl(cmd.Context(), args...)
			if err != nil {
				return err
			}
			kubectl.Stdin, kubectl.Stdout, kubectl.Stderr = os.Stdin, os.Stdout, os.Stderr
			err = kubectl.Run()
			if ended, ok := errors.AsType[*exec.ExitError](err); ok {
				return exitCode(ended.ExitCode())
			}
			return err
		},
	}
}

func newKubeconfig(find finder) *cobra.Command {
	return &cobra.Command{
		Use:   "kubeconfig",
		Short: "Print the path of the kubeconfig",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := find()
			if err != nil {
				return err
			}
			if _, err := c.Status(cmd.Context()); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), c.Kubeconfig())
			return nil
		},
	}
}

func newStatus(find finder) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say whether the cluster runs; exit 1 if not",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := find()
			if err != nil {
				return err
			}
			s, err := c.Status(cmd.Context())
			if err != nil {
				return err
			}
			fmt.Fprint(cmd.OutOrStdout(), s)
			return nil
		},
	}
}

// newNode is what up re-executes this program with, inside new namespaces.
func newNode() *cobra.Command {
	var dir string
	var entered bool
	cmd := &cobra.Command{
		Use:    "node",
		Short:  "The first process of a node's namespaces; for up only",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(cmd *cobra.Command, _ []string) error { return node.Run(cmd.Context(), dir, entered) },
	}
	cmd.Flags().StringVar(&dir, "dir", "", "the cluster's directory")
	cmd.Flags().BoolVar(&entered, "entered", false, "the process has entered its control group namespace")
	return cmd
}

// newGuard is what up --idle leaves behind.
func newGuard(find finder) *cobra.Command {
	var idle time.Duration
	cmd := &cobra.Command{
		Use:    "guard",
		Short:  "End the cluster when no test uses it any more; for up only",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := find()
			if err != nil {
				return err
			}
			return c.DownWhenIdle(cmd.Context(), idle)
		},
	}
	cmd.Flags().DurationVar(&idle, "idle", time.Minute, "how long nobody may use it")
	return cmd
}
