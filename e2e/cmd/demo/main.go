package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"lighterman.dev/lighterman/e2e/harness/cluster"
	"lighterman.dev/lighterman/e2e/harness/release"
	"lighterman.dev/lighterman/e2e/harness/store"
	"lighterman.dev/lighterman/e2e/harness/tools"
	"lighterman.dev/lighterman/e2e/harness/workload"
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

An S3 server with its own token service and Lighterman itself are installed with Helm; then profiles and annotated Jobs are
applied to namespace payments: one that puts its dump itself, and one whose files the sidecar uploads and proves. The cluster is a local one ("cluster up") or any other that pods can pull images
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
	log.SetLogger(logr.Discard()) // Else the client complains that it has none.
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
	installed, err := release.Install(ctx, b, target, release.Options{})
	if err != nil {
		return err
	}
	backup, err := workload.Deliver(ctx, b, target)
	if err != nil {
		return err
	}
	d, err := newDemo(target, s, p)
	if err != nil {
		return err
	}
	d.backup, d.uploader = backup, installed.UploaderImage
	return d.show(ctx)
}

// progress says what is being done, and since when.
type progress struct {
	out   io.Writer
	start time.Time
	// lines come from several goroutines.
	lines sync.Mutex
}

func (p *progress) step(what string) {
	fmt.Fprintf(p.out, "[%5.1fs] %s\n", time.Since(p.start).Seconds(), what)
}

// line is one of a log.
func (p *progress) line(of, text string) {
	p.lines.Lock()
	defer p.lines.Unlock()
	fmt.Fprintf(p.out, "%6.1fs  %-7s  %s\n", time.Since(p.start).Seconds(), of, text)
}

func (p *progress) text(title, text string) {
	fmt.Fprintf(p.out, "\n--- %s\n%s\n\n", title, strings.Trim(text, "\n"))
}
