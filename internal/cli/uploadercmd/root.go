package uploadercmd

import (
	"context"

	"github.com/spf13/cobra"

	"lighterman.dev/lighterman/internal/cli"
	"lighterman.dev/lighterman/uploader/sidecar"
)

// Main runs the program with the arguments of the process, and returns its exit code.
func Main(version string) int {
	return cli.Run(context.Background(), newCommand(version), sidecar.Explain)
}

func newCommand(version string) *cobra.Command {
	return cli.NewRoot("uploader", version,
		"Carries the files of a directory to an object store and proves that they arrived",
		`Carries the files of a directory, the spool, to an object store and proves that they arrived.

Lighterman injects it as a native sidecar ("uploader run") into pods whose profile has an uploader. A backup writes its
files into the spool; each one goes when its writer has closed it, becomes visible in the store whole or not at all, and is
named, with its SHA-256, in a manifest that is written last.

Where a Job must fail when the upload failed, its command is wrapped: "uploader exec -- pg_dump …".

The sidecar's settings are in the variable LIGHTERMAN_UPLOADER, as JSON. "uploader doctor" says what of them works.

For people: doctor, verify. In a pod, written by Lighterman: run, preflight, exec, probe, install.`,
		newRunCommand(version), newPreflightCommand(version), newExecCommand(), newProbeCommand(), newInstallCommand(),
		newVerifyCommand(), newDoctorCommand())
}
