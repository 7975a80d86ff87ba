package uploadercmd

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"lighterman.dev/lighterman/internal/cli"
	"lighterman.dev/lighterman/uploader/doctor"
	"lighterman.dev/lighterman/uploader/objstore"
)

func newDoctorCommand() *cobra.Command {
	var patience time.Duration
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Diagnose this pod's access to its object store",
		Long: `Diagnose, step by step, this pod's access to its object store: files, token, secrets, endpoint and clock; the exchange of the
token for a credential; writing, reading, listing and deleting an object; and how the bucket protects its objects
(versioning, object lock, retention), as far as the identity may see that. Each line begins with ok or FAIL; the line
below a failure is its cure. No secret is printed.

Settings are read from LIGHTERMAN_UPLOADER, as the sidecar does. The exit code is 1 when anything fails.`,
		Example: `  # In the sidecar of a running pod
  kubectl exec -n payments orders-db-0 -c lighterman-uploader -- /uploader doctor`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := cli.UntilSignal(cmd.Context())
			defer stop()
			config, pod, err := readSettings()
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			well := doctor.Run(ctx, doctor.Options{
				Config: config, Pod: pod, Getenv: os.Getenv, Patience: patience,
				Open: func() (objstore.Store, error) { return openStore(config) },
			}, func(s doctor.Step) { printStep(out, s) })
			if !well {
				return errors.New("not all is well")
			}
			return nil
		},
	}
	cmd.Flags().DurationVar(&patience, "patience", 20*time.Second,
		"how long the doctor retries a token service that it cannot reach; some are late in a pod that has just started")
	return cmd
}

// printStep prints a step's line, and below a failure its cure.
func printStep(out io.Writer, s doctor.Step) {
	if s.Err == nil {
		printLine(out, "ok    %s: %s", s.Name, s.Detail)
		return
	}
	printLine(out, "FAIL  %s: %v", s.Name, s.Err)
	printLine(out, "      %s", s.Cure)
}
