package uploadercmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"lighterman.dev/lighterman/internal/cli"
	"lighterman.dev/lighterman/internal/exitcode"
	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/session"
)

func newExecCommand() *cobra.Command {
	var c session.Command
	cmd := &cobra.Command{
		Use:   "exec [flags] -- COMMAND [ARG…]",
		Short: "Run a command and fail if its files are not stored",
		Long: fmt.Sprintf(`Run a command as a child process, with its input and output untouched and every signal passed on. When the command ends with
0, ask the sidecar to store the remaining files, show progress on standard error, and end with 0 only when every file is
durable and the manifest is written.

Exit codes: the command's own; 128 plus the signal's number when a signal ended it; %d when the command ended with 0 but its
files are not stored; %d when the command cannot be run, %d when it does not exist. When the command fails, no final manifest
is written: the files in the store are then no backup.

The sidecar writes this program into the directory that both containers share, so the command's image needs no copy of it, no
shell and no C library. With completion Wrap, Lighterman puts it in front of the container's own command.`, exitcode.NotStored, exitcode.CannotRun, exitcode.NotFound),
		Example: `  # The command that Lighterman writes for [pg_dump, --format=custom, --file=/backup/orders.dump, orders]
  /lighterman/uploader exec --container=dump --timeout=600s -- pg_dump --format=custom --file=/backup/orders.dump orders

  # The last line of the container's log
  lighterman: 3 files with 2.1 GiB are stored; the manifest is payments/dump-x7/.lighterman/6f1c…/manifest.json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.Args, c.Out = args, os.Stderr
			if code := c.Run(cmd.Context()); code != 0 {
				return &cli.ExitError{Code: code}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.Container, "container", "main", "name of the container, as the manifest and the sidecar's log show it")
	f.StringVar(&c.Directory, "directory", uploader.DefaultDirectory, "directory of the sidecar's socket")
	f.DurationVar(&c.Timeout, "timeout", 10*time.Minute, "how long to wait for the sidecar after the command has ended")
	return cmd
}

func newProbeCommand() *cobra.Command {
	var directory string
	cmd := &cobra.Command{
		Use:   "probe",
		Short: "Report whether the sidecar is ready",
		Long: `Report by the exit code whether the sidecar is ready: 0 when its preflight has passed. The sidecar's startup probe runs this
command.`,
		Example: `  # In the sidecar of a running pod
  kubectl exec -n payments orders-db-0 -c lighterman-uploader -- /uploader probe`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ready := false
			err := session.Ask(cmd.Context(), directory, session.Request{Ask: session.AskReady}, func(a session.Answer) bool {
				ready = a.Ready
				return false
			})
			if err == nil && !ready {
				err = errors.New("the preflight has not passed yet")
			}
			return err
		},
	}
	cmd.Flags().StringVar(&directory, "directory", uploader.DefaultDirectory, "directory of the sidecar's socket")
	return cmd
}

func newInstallCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "install DIRECTORY",
		Short: "Copy this program into a directory",
		Long: `Copy this program into a directory that containers share, as "uploader". The copy appears whole or not at all. With
completion Wrap, "uploader run" does the same.`,
		Example: `  # In an init container of this image, with an emptyDir that other containers mount
  uploader install /shared`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return installProgram(args[0]) },
	}
}

func installProgram(directory string) error {
	name := filepath.Join(directory, "uploader")
	if err := copyProgram(name + ".new"); err != nil {
		return fmt.Errorf("install the program: %w", err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		return fmt.Errorf("install the program: %w", err)
	}
	return nil
}

func copyProgram(name string) error {
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer from.Close() //nolint:errcheck // It is only read.
	// A copy that a killed sidecar has left may be that of a running program.
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	to, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755) //nolint:gosec // Every container is to run it.
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}
