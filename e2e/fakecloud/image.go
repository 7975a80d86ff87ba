package fakecloud

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"lighterman.dev/lighterman/e2e/harness/image"
	"lighterman.dev/lighterman/e2e/harness/tools"
)

// programImage is what the program's image is called before it is delivered to a cluster.
const programImage = "localhost/cloud:1"

// toolImage names the image of a tool after its directory in the cache, which says all that is in it: "azurite@v1-0123" becomes
// "localhost/azurite:v1-0123".
func toolImage(dir string) string {
	return "localhost/" + strings.Replace(filepath.Base(dir), "@", ":", 1)
}

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

func gcsImage(dir string) (v1.Image, error) {
	program := filepath.Join(dir, "fake-gcs-server")
	return image.Build(image.Spec{Binaries: map[string]string{"/fake-gcs-server": program}, Entrypoint: []string{"/fake-gcs-server"}})
}

// azuriteImage is node, its libraries at their paths, and the one script.
func azuriteImage(dir string) (v1.Image, error) {
	files := []image.File{{Path: "/azurite.js", Mode: 0o644, Source: filepath.Join(dir, "azurite.js")}}
	root := filepath.Join(dir, "root")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files = append(files, image.File{Path: path[len(root):], Mode: 0o755, Source: path})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("build image of azurite: %w", err)
	}
	return image.Build(image.Spec{
		Binaries:   map[string]string{"/node": filepath.Join(dir, "node")},
		Files:      files,
		Entrypoint: []string{"/node", "--no-deprecation", "/azurite.js"},
	})
}
