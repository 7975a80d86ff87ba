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
		Short: "Run a command, and fail when its files are not stored",
		Long: fmt.Sprintf(`Run a command as a child, with its input and output untouched and every signal passed on. When it ends with 0, ask the
sidecar to store what is left, show progress on standard error, and end with 0 only when every file is durable and the
manifest is written.

Exit codes: the command's own, 128 and the signal's number when a signal ended it; %d when the command ended well but its
files are not stored; %d when it cannot be run, %d when there is no such command. When the command fails, no final manifest
is written: what is in the store then is no backup.

The sidecar writes the program into the directory that both containers share, so it needs no place in the command's image,
no shell and no C library. With completion Wrap, Lighterman puts it in front of the container's own command.`, exitcode.NotStored, exitcode.CannotRun, exitcode.NotFound),
		Example: `  # What Lighterman makes of command: [pg_dump, --format=custom, --file=/backup/orders.dump, orders]
  /lighterman/uploader exec --container=dump --timeout=600s -- pg_dump --format=custom --file=/backup/orders.dump orders

  # And what a container's log then ends with
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
	f.StringVar(&c.Container, "container", "main", "the container's name")
	f.StringVar(&c.Directory, "directory", uploader.DefaultDirectory, "where the sidecar's socket is")
	f.DurationVar(&c.Timeout, "timeout", 10*time.Minute, "how long the sidecar may take after the command has ended")
	return cmd
}

func newProbeCommand() *cobra.Command {
	var directory string
	cmd := &cobra.Command{
		Use:   "probe",
		Short: "Say whether the sidecar takes files",
		Long:  "Say by the exit code whether the sidecar takes files: 0 when the preflight has passed. This is its startup probe.",
		Args:  cobra.NoArgs,
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
	cmd.Flags().StringVar(&directory, "directory", uploader.DefaultDirectory, "where the sidecar's socket is")
	return cmd
}

func newInstallCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "install DIRECTORY",
		Short: "Copy this program into a directory",
		Long:  `Copy this program into a directory that containers share, as "uploader", in one step: it is there whole or not at all.`,
		Args:  cobra.ExactArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return install(args[0]) },
	}
}

func install(directory string) error {
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
