package uploadercmd

import (
	"bufio"
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
)

func newVerifyCommand() *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify MANIFEST",
		Short: "Verify stored files against their manifest",
		Long: `Verify the stored files of a run against their manifest: every file that the manifest lists must be in the store, in the
version that was written, with its size, its checksum, and the SHA-256 that it had in the spool. Every file is read back,
unless --quick is given. One line is printed for each file, with ok or FAIL, in the order of the manifest. A manifest of many
files lists them in segments, objects of their own, whose SHA-256 and number of files are compared as well.

MANIFEST is the URL of a manifest, s3://BUCKET/…/manifest.json, gs://BUCKET/… or https://ACCOUNT.blob.core.windows.net/CONTAINER/…,
or only its key where LIGHTERMAN_UPLOADER is set. "uploader exec" prints the key in its last line.

The settings of the store are read, in this order, from:
  LIGHTERMAN_UPLOADER           the settings of the sidecar
  LIGHTERMAN_ENDPOINT and such  the variables that Lighterman injects into any container of a pod with a profile
  AWS_…, AZURE_…, GOOGLE_…      the variables of the store's own tools, on a workstation

The exit code is 1 when a file differs or is missing, when the manifest cannot be read, when it lists no file although its run
expected one, and when it is open: the run had not ended, or something was left over. A manifest that is drained lists all that
was in the spool, and does not say how the containers ended: a warning says so, and --complete makes it an error.`,
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
			return verifyRun(ctx, cmd, args[0], o)
		},
	}
	o.addFlags(cmd)
	return cmd
}

// verifyOptions are the flags of the command.
type verifyOptions struct {
	quick, complete bool
	concurrency     int
}

func (o *verifyOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.quick, "quick", false,
		"compare the sizes and checksums that the store reports, without reading files back")
	cmd.Flags().BoolVar(&o.complete, "complete", false,
		"fail unless the manifest is complete: the command of every wrapped container has ended with 0")
	cmd.Flags().IntVar(&o.concurrency, "concurrency", 16, "how many files are verified at a time")
}

func verifyRun(ctx context.Context, cmd *cobra.Command, where string, o verifyOptions) error {
	if err := checkConcurrency(o.concurrency); err != nil {
		return err
	}
	out := bufio.NewWriter(cmd.OutOrStdout())
	store, key, err := openManifestStore(where, os.Getenv(uploader.EnvConfig))
	if err != nil {
		return err
	}
	m, err := manifest.Load(ctx, store, key)
	if err != nil {
		return err
	}
	bad := 0
	v := &fileVerifier{store: store, content: !o.quick, concurrency: o.concurrency, progress: cmd.ErrOrStderr()}
	err = v.verify(ctx, m, func(f *manifest.File, err error) {
		if err != nil {
			bad++
		}
		reportFile(out, f, err)
	})
	switch {
	case err != nil:
		return errors.Join(out.Flush(), err)
	case bad > 0:
		return errors.Join(out.Flush(), fmt.Errorf("%d of %d files are not what was stored", bad, m.Totals.Files))
	}
	printLine(out, "%d files of %s/%s are as they were stored at %s", m.Totals.Files, m.Pod.Namespace, m.Pod.Name,
		m.Written.Format(time.RFC3339))
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return checkState(m, o.complete, cmd.ErrOrStderr())
}

// checkState returns an error if a manifest whose files are as they were stored is not that of a backup. It writes a
// warning where nothing is known to be wrong.
func checkState(m *manifest.Manifest, complete bool, warnings io.Writer) error {
	noneExpected := m.Expect != nil && m.Expect.MinFiles != nil && *m.Expect.MinFiles == 0
	switch {
	case m.State == manifest.Open:
		return errors.New("the manifest is open: when it was written, the run had not ended, or something was left over")
	case m.Totals.Files == 0 && !noneExpected:
		return errors.New("the manifest lists no file: set expect.minFiles to 0 where that is a backup")
	case m.State == manifest.Drained && complete:
		return errors.New("the manifest is drained, not complete: it does not say how the containers ended")
	case m.State == manifest.Drained:
		printLine(warnings, "warning: the manifest is drained, not complete: it does not say how the containers ended")
	}
	return nil
}

// printLine prints one line of a report: what a manifest or a store says cannot begin another one, or control a terminal.
func printLine(out io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintln(out, message.Line(fmt.Sprintf(format, args...)))
}
