package lightermancmd

import (
	"context"

	"github.com/spf13/cobra"

	"lighterman.dev/lighterman/internal/cli"
)

// Main runs the program with the arguments of the process, and returns its exit code.
func Main(version string) int {
	ctx, stop := cli.UntilSignal(context.Background())
	defer stop()
	return cli.Run(ctx, newCommand(version), error.Error)
}

func newCommand(version string) *cobra.Command {
	return cli.NewRoot("lighterman", version,
		"Give backup pods access to their object store",
		`Lighterman is a Kubernetes admission webhook: a pod names a credential profile in an annotation, and gets the
environment, the tokens, the secrets and the CA bundle that its backup tool needs to reach the object store.`,
		newWebhookCommand(version), newCertsCommand(version), newInjectCommand(version), newDoctorCommand(version),
		newBundleCommand())
}
