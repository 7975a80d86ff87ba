package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"lighterman.dev/lighterman/uploader/sidecar"
)

// version is set by the linker.
var version = "v0.0.0-dev"

// exitCode is an error that says all it has to by the code.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func main() {
	err := newCommand().ExecuteContext(context.Background())
	if code, ok := errors.AsType[exitCode](err); ok {
		os.Exit(int(code))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "uploader:", sidecar.Explain(err))
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "uploader",
		Short: "Carries the files of a directory to an object store and proves that they arrived",
		Long: `Carries the files of a directory, the spool, to an object store and proves that they arrived.

Lighterman injects it as a native sidecar ("uploader run") into pods whose profile has an uploader. A backup writes its
files into the spool; each one goes when its writer has closed it, becomes visible in the store whole or not at all, and is
named, with its SHA-256, in a manifest that is written last.

Where a Job must fail when the upload failed, its command is wrapped: "uploader exec -- pg_dump …".

The sidecar's settings are in the variable LIGHTERMAN_UPLOADER, as JSON. "uploader doctor" says what of them works.

For people: doctor, verify. In a pod, written by Lighterman: run, preflight, exec, probe, install.`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newRunCommand(), newPreflightCommand(), newExecCommand(), newProbeCommand(), newInstallCommand(), newVerifyCommand(), newDoctorCommand())
	return root
}

// untilSignal ends with the first signal that asks the process to end.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}
