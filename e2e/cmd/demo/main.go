package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"lighterman.dev/lighterman/e2e/cluster"
	"lighterman.dev/lighterman/e2e/release"
	"lighterman.dev/lighterman/e2e/store"
	"lighterman.dev/lighterman/e2e/tools"
	"lighterman.dev/lighterman/e2e/workload"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	var kubeconfig string
	cmd := &cobra.Command{
		Use:   "demo --kubeconfig FILE",
		Short: "Show Lighterman's main job in a cluster, from end to end",
		Long: `Show Lighterman's main job in a cluster, from end to end.

An S3 server with its own token service and Lighterman itself are installed with Helm; then a profile and an annotated
Job are applied to namespace payments. The cluster is a local one ("cluster up") or any other that pods can pull images
into (set LIGHTERMAN_IMAGE_REPOSITORY) and whose token issuer the S3 server can reach.`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), os.Stdout, kubeconfig) },
	}
	cmd.Flags().StringVar(&kubeconfig, "kubeconfig", os.Getenv("KUBECONFIG"), "the cluster (default: $KUBECONFIG)")
	return cmd
}

func run(ctx context.Context, out io.Writer, kubeconfig string) error {
	if kubeconfig == "" {
		return fmt.Errorf("no cluster: give --kubeconfig, or set KUBECONFIG")
	}
	p := &progress{out: out, start: time.Now()}
	target, err := cluster.Connect(kubeconfig)
	if err != nil {
		return err
	}
	b, err := tools.NewBuilder(out)
	if err != nil {
		return err
	}
	p.step("installing an S3 server with its own token service")
	img, err := store.Image(ctx, b)
	if err != nil {
		return err
	}
	ref, err := target.Deliver(ctx, store.ImageName, img)
	if err != nil {
		return err
	}
	s, err := store.Install(ctx, target.REST, store.Options{Image: ref})
	if err != nil {
		return err
	}
	p.step("building Lighterman and installing its Helm chart")
	if _, err := release.Install(ctx, b, target, release.Options{}); err != nil {
		return err
	}
	backup, err := workload.Deliver(ctx, b, target)
	if err != nil {
		return err
	}
	d, err := newDemo(target, s, backup, p)
	if err != nil {
		return err
	}
	return d.show(ctx)
}

// progress says what is being done, and since when.
type progress struct {
	out   io.Writer
	start time.Time
}

func (p *progress) step(what string) {
	fmt.Fprintf(p.out, "[%5.1fs] %s\n", time.Since(p.start).Seconds(), what)
}

func (p *progress) text(title, text string) {
	fmt.Fprintf(p.out, "\n--- %s\n%s\n", title, text)
}
