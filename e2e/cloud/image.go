package cloud

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"lighterman.dev/lighterman/e2e/image"
	"lighterman.dev/lighterman/e2e/tools"
)

// Names of the images before they are delivered to a cluster.
const (
	programImage = "localhost/cloud:1"
	azuriteImage = "localhost/azurite:1"
	gcsImage     = "localhost/fake-gcs-server:1"
)

// buildProgram builds e2e/cmd/cloud.
func buildProgram(ctx context.Context, b *tools.Builder) (v1.Image, error) {
	dir, err := os.MkdirTemp("", "cloud-")
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", programImage, err)
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "cloud")
	if err := b.BuildMain(ctx, tools.Main{Module: "e2e", Package: "./cmd/cloud", Out: program}); err != nil {
		return nil, err
	}
	return image.Build(image.Spec{Binaries: map[string]string{"/cloud": program}, Entrypoint: []string{"/cloud"}})
}

func buildGCS(ctx context.Context, b *tools.Builder) (v1.Image, error) {
	dir, err := b.Build(ctx, tools.FakeGCSServer())
	if err != nil {
		return nil, err
	}
	program := filepath.Join(dir, "fake-gcs-server")
	return image.Build(image.Spec{Binaries: map[string]string{"/fake-gcs-server": program}, Entrypoint: []string{"/fake-gcs-server"}})
}

// buildAzurite is node, its libraries at their paths, and the one script.
func buildAzurite(ctx context.Context, b *tools.Builder) (v1.Image, error) {
	dir, err := b.Azurite(ctx)
	if err != nil {
		return nil, err
	}
	files := []image.File{{Path: "/azurite.js", Mode: 0o644, Source: filepath.Join(dir, "azurite.js")}}
	root := filepath.Join(dir, "root")
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files = append(files, image.File{Path: path[len(root):], Mode: 0o755, Source: path})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", azuriteImage, err)
	}
	return image.Build(image.Spec{
		Binaries:   map[string]string{"/node": filepath.Join(dir, "node")},
		Files:      files,
		Entrypoint: []string{"/node", "--no-deprecation", "/azurite.js"},
	})
}
