package uploadercmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"lighterman.dev/lighterman/internal/cli"
	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/sidecar"
)

func newVerifyCommand() *cobra.Command {
	var quick bool
	cmd := &cobra.Command{
		Use:   "verify MANIFEST",
		Short: "Verify stored files against their manifest",
		Long: `Verify the stored files of a run against their manifest: every file that the manifest lists must be in the store, in the
version that was written, with its size, its checksum, and the SHA-256 that it had in the spool. Every file is read back,
unless --quick is given. One line is printed for each file, with ok or FAIL.

MANIFEST is the URL of a manifest, s3://BUCKET/…/manifest.json, gs://BUCKET/… or https://ACCOUNT.blob.core.windows.net/CONTAINER/…,
or only its key where LIGHTERMAN_UPLOADER is set. "uploader exec" prints the key in its last line.

The settings of the store are read, in this order, from:
  LIGHTERMAN_UPLOADER           the settings of the sidecar
  LIGHTERMAN_ENDPOINT and such  the variables that Lighterman injects into any container of a pod with a profile
  AWS_…, AZURE_…, GOOGLE_…      the variables of the store's own tools, on a workstation

The exit code is 1 when a file differs or is missing, when the manifest cannot be read, and when the manifest is not final:
the run had not ended, and later files are not listed.`,
		Example: `  # In a container of this image, in a pod with the annotation lighterman.dev/profile
  uploader verify s3://pg-backups/payments/pg-dump-x7/.lighterman/6f1c…/manifest.json

  # On a workstation, with a store of one's own
  export AWS_ENDPOINT_URL_S3=https://minio.example.com:9000 AWS_CA_BUNDLE=ca.crt AWS_REGION=us-east-1
  export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…
  uploader verify --quick s3://pg-backups/payments/pg-dump-x7/.lighterman/6f1c…/manifest.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := cli.UntilSignal(cmd.Context())
			defer stop()
			return verifyRun(ctx, cmd.OutOrStdout(), args[0], !quick)
		},
	}
	cmd.Flags().BoolVar(&quick, "quick", false,
		"compare the sizes and checksums that the store reports, without reading files back")
	return cmd
}

func verifyRun(ctx context.Context, out io.Writer, where string, content bool) error {
	store, key, err := openManifestStore(where, os.Getenv(uploader.EnvConfig))
	if err != nil {
		return err
	}
	m, err := manifest.Load(ctx, store, key)
	if err != nil {
		return err
	}
	bad := 0
	for i := range m.Files {
		f := &m.Files[i]
		switch err := manifest.Verify(ctx, store, f, content); {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			bad++
			printLine(out, "FAIL  %s: %s", f.Path, sidecar.Explain(err))
		default:
			printLine(out, "ok    %s  %d bytes  sha256:%s", f.Path, f.Size, f.SHA256)
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d files are not what was stored", bad, len(m.Files))
	}
	printLine(out, "%d files of %s/%s are as they were stored at %s", len(m.Files), m.Pod.Namespace, m.Pod.Name,
		m.Written.Format(time.RFC3339))
	if !m.Final {
		return errors.New("the run had not ended when this manifest was written: files that came later are not in it")
	}
	return nil
}

// printLine prints one line of a report: what a manifest or a store says cannot begin another one, or control a terminal.
func printLine(out io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintln(out, message.Line(fmt.Sprintf(format, args...)))
}
