package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "v0.0.0-dev"

func main() {
	// The second signal ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "lighterman:", err)
		code := 1
		if e, ok := errors.AsType[*exitError](err); ok {
			code = e.code
		}
		os.Exit(code)
	}
}

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "lighterman",
		Short: "Gives backup pods everything they need to reach their object store",
		Long: `Lighterman is a Kubernetes admission webhook: a pod names a credential profile in an annotation, and gets the
environment, the tokens, the secrets and the CA bundle that its backup tool needs to reach the object store.`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newWebhookCommand(), newCertsCommand(), newInjectCommand(), newDoctorCommand(), newBundleCommand())
	return root
}
