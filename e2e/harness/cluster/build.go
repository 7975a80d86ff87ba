package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"lighterman.dev/lighterman/e2e/harness/image"
	"lighterman.dev/lighterman/e2e/harness/node"
	"lighterman.dev/lighterman/e2e/harness/tools"
)

// Build builds the tools that the cache lacks.
func Build(ctx context.Context, b *tools.Builder) (node.Tools, error) {
	dirs := map[string]string{}
	for _, t := range tools.ForCluster() {
		dir, err := b.Build(ctx, t)
		if err != nil {
			return node.Tools{}, err
		}
		dirs[t.Name] = dir
	}
	nft, err := b.Nft(ctx)
	if err != nil {
		return node.Tools{}, err
	}
	return node.Tools{
		Kubernetes: dirs["kubernetes"], Etcd: dirs["etcd"], Containerd: dirs["containerd"],
		Runc: dirs["runc"], CNI: dirs["cni"], CoreDNS: dirs["coredns"], Nft: nft,
	}, nil
}

// writePause makes the image that every pod's first container runs.
func writePause(ctx context.Context, b *tools.Builder, archive string) error {
	dir, err := os.MkdirTemp("", "pause-")
	if err != nil {
		return fmt.Errorf("build pause image: %w", err)
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "pause")
	if err := b.BuildMain(ctx, tools.Main{Module: "e2e", Package: "./cmd/pause", Out: program}); err != nil {
		return err
	}
	img, err := image.Build(image.Spec{Binaries: map[string]string{"/pause": program}, Entrypoint: []string{"/pause"}})
	if err != nil {
		return err
	}
	return image.Write(archive, pauseImage, img)
}
