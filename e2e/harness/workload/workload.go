package workload

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"lighterman.dev/lighterman/e2e/harness/cluster"
	"lighterman.dev/lighterman/e2e/harness/image"
	"lighterman.dev/lighterman/e2e/harness/shell"
	"lighterman.dev/lighterman/e2e/harness/tools"
)

// What the images are called before they are delivered to a cluster.
const (
	ImageName      = "localhost/backup:1"
	ShellImageName = "localhost/backup-shell:1"
)

// Deliver builds the image, makes it available to the cluster's pods, and returns its name there. Like many images of that
// kind it has no shell, and does not run as root.
func Deliver(ctx context.Context, b *tools.Builder, target *cluster.Target) (string, error) {
	return deliver(ctx, b, target, ImageName, func(spec *image.Spec) error {
		spec.Entrypoint = []string{"/backup"}
		return nil
	})
}

// DeliverShell is Deliver for an image of the other kind: it has a shell beside the program, and runs as root.
func DeliverShell(ctx context.Context, b *tools.Builder, target *cluster.Target) (string, error) {
	return deliver(ctx, b, target, ShellImageName, func(spec *image.Spec) error {
		spec.Root, spec.Env = true, []string{"PATH=/bin:/"}
		return shell.Add(ctx, b, spec)
	})
}

func deliver(ctx context.Context, b *tools.Builder, target *cluster.Target, name string, fill func(*image.Spec) error) (string, error) {
	dir, err := os.MkdirTemp("", "backup-")
	if err != nil {
		return "", fmt.Errorf("build %s: %w", name, err)
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "backup")
	if err := b.BuildMain(ctx, tools.Main{Module: "e2e", Package: "./cmd/backup", Out: program}); err != nil {
		return "", err
	}
	spec := image.Spec{Binaries: map[string]string{"/backup": program}}
	if err := fill(&spec); err != nil {
		return "", err
	}
	img, err := image.Build(spec)
	if err != nil {
		return "", err
	}
	return target.Deliver(ctx, name, img)
}
