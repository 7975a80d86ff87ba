package uploadercmd

import (
	"errors"
	"fmt"
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
		Short: "Say step by step what works between this pod and its store, and what does not",
		Long: `Say step by step what works between this pod and its store: files, token, secrets, endpoint and clock; the exchange of the
token for a credential; then write, read, list and delete an object; last how the bucket guards its objects (versioning,
object lock, retention), as far as the identity may see that. Each line says ok or FAIL; under a failure stands what to do.
Nothing that is secret is printed.

Settings are read from LIGHTERMAN_UPLOADER, as the sidecar does. The exit code is 1 when anything fails.`,
		Example: `  # In the sidecar of a pod that runs
  kubectl exec -n payments orders-db-0 -c lighterman-uploader -- /uploader doctor`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := cli.UntilSignal(cmd.Context())
			defer stop()
			config, pod, err := settings()
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			well := doctor.Run(ctx, doctor.Options{
				Config: config, Pod: pod, Getenv: os.Getenv, Patience: patience,
				Open: func() (objstore.Store, error) { return openStore(config) },
			}, func(s doctor.Step) {
				if s.Err != nil {
					_, _ = fmt.Fprintf(out, "FAIL  %s: %v\n      %s\n", s.Name, s.Err, s.Cure)
					return
				}
				_, _ = fmt.Fprintf(out, "ok    %s: %s\n", s.Name, s.Detail)
			})
			if !well {
				return errors.New("not all is well")
			}
			return nil
		},
	}
	cmd.Flags().DurationVar(&patience, "patience", 20*time.Second, "how long a token service may be out of reach; in a pod that has just started, some are late")
	return cmd
}
