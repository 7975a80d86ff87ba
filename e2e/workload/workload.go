package workload

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"lighterman.dev/lighterman/e2e/cluster"
	"lighterman.dev/lighterman/e2e/image"
	"lighterman.dev/lighterman/e2e/tools"
)

// ImageName is what the image is called before it is delivered to a cluster.
const ImageName = "localhost/backup:1"

// Deliver builds the image, makes it available to the cluster's pods, and gives its name there.
func Deliver(ctx context.Context, b *tools.Builder, target *cluster.Target) (string, error) {
	dir, err := os.MkdirTemp("", "backup-")
	if err != nil {
		return "", fmt.Errorf("build %s: %w", ImageName, err)
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "backup")
	if err := b.BuildMain(ctx, tools.Main{Module: "e2e", Package: "./cmd/backup", Out: program}); err != nil {
		return "", err
	}
	img, err := image.Build(image.Spec{Binaries: map[string]string{"/backup": program}, Entrypoint: []string{"/backup"}})
	if err != nil {
		return "", err
	}
	return target.Deliver(ctx, ImageName, img)
}
