package lightermancmd

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"lighterman.dev/lighterman/internal/cabundle"
	"lighterman.dev/lighterman/internal/cli"
)

func newBundleCommand() *cobra.Command {
	var added, out string
	cmd := &cobra.Command{
		Use:   "ca-bundle --add FILE --out FILE",
		Short: "Join the public certificate authorities and those of a file",
		Long: `Join the public certificate authorities (Mozilla's, as they were when this program was built) and those of a file in one
file. Most tools read a CA bundle instead of the public roots; the webhook adds a container that runs this command to
pods whose profile sets caBundle.mode: Append.`,
		Example: `  # What the container that the webhook adds runs
  lighterman ca-bundle --add private-ca.crt --out ca-bundle.crt`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return writeBundle(added, out) },
	}
	cmd.Flags().StringVar(&added, "add", "", "file with the PEM certificates to add")
	cmd.Flags().StringVar(&out, "out", "", "file to write")
	cli.RequireFlags(cmd, "add", "out")
	return cmd
}

func writeBundle(added, out string) error {
	private, err := os.ReadFile(added) //nolint:gosec // The user names the file.
	if err != nil {
		return fmt.Errorf("read the CA bundle: %w", err)
	}
	joined, err := cabundle.Join(private)
	if err != nil {
		return fmt.Errorf("read the CA bundle %s: %w", added, err)
	}
	return cabundle.WriteFile(out, joined)
}
