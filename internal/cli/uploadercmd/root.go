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
		"Upload the files of a directory to an object store and prove that they arrived",
		`Upload the files of a directory, the spool, to an object store and prove that they arrived.

Lighterman injects this program as a native sidecar ("uploader run") into pods whose profile has an uploader. A backup
writes its files into the spool; each file is uploaded when its writer has closed it, becomes visible in the store whole
or not at all, and is listed, with its SHA-256, in a manifest that is written last.

If a Job must fail when the upload failed, its command is wrapped: "uploader exec -- pg_dump …".

The sidecar reads its settings from the variable LIGHTERMAN_UPLOADER, as JSON. "uploader doctor" checks them.

Commands for people: doctor, verify. Commands that Lighterman writes into pods: run, preflight, exec, probe, install.`,
		newRunCommand(version), newPreflightCommand(version), newExecCommand(), newProbeCommand(), newInstallCommand(),
		newVerifyCommand(), newDoctorCommand())
}
