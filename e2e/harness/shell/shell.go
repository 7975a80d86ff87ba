package shell

import (
	"context"
	"fmt"
	"os/exec"
	"path"
	"strings"

	"lighterman.dev/lighterman/e2e/harness/image"
	"lighterman.dev/lighterman/e2e/harness/tools"
)

// Add adds busybox under the names of all that it is, and makes its shell the entrypoint. The image must have /bin in its
// PATH.
func Add(ctx context.Context, b *tools.Builder, spec *image.Spec) error {
	busybox, err := b.Busybox(ctx)
	if err != nil {
		return err
	}
	applets, err := exec.CommandContext(ctx, busybox, "--list").Output()
	if err != nil {
		return fmt.Errorf("list what busybox is: %w", err)
	}
	spec.Binaries["/bin/busybox"] = busybox
	for name := range strings.FieldsSeq(string(applets)) {
		if name != "busybox" {
			spec.Files = append(spec.Files, image.File{Path: path.Join("/bin", name), Link: "busybox"})
		}
	}
	spec.Entrypoint = []string{"/bin/sh"}
	return nil
}
