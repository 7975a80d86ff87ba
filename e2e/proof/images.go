package proof

import (
	"context"
	"fmt"
	"path"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"lighterman.dev/lighterman/e2e/harness/debian"
	"lighterman.dev/lighterman/e2e/harness/image"
	"lighterman.dev/lighterman/e2e/harness/shell"
	"lighterman.dev/lighterman/e2e/harness/tools"
)

// images has a row for each name in a program.yaml.
var images = map[string]func(context.Context, *tools.Builder) (v1.Image, error){
	"backup-tools": backupTools,
	"debian":       debian.Image,
}

// Image builds the image of that name.
func Image(ctx context.Context, b *tools.Builder, name string) (v1.Image, error) {
	build, ok := images[name]
	if !ok {
		return nil, fmt.Errorf("build image: there is none named %q", name)
	}
	return build(ctx, b)
}

// backupTools holds the tools that are written in Go, and busybox for the scripts.
func backupTools(ctx context.Context, b *tools.Builder) (v1.Image, error) {
	spec := image.Spec{Binaries: map[string]string{}, Env: []string{"PATH=/usr/local/bin:/bin"}}
	for _, tool := range tools.ForBackup() {
		dir, err := b.Build(ctx, tool)
		if err != nil {
			return nil, err
		}
		spec.Binaries[path.Join("/usr/local/bin", tool.Name)] = filepath.Join(dir, tool.Name)
	}
	if err := shell.Add(ctx, b, &spec); err != nil {
		return nil, err
	}
	return image.Build(spec)
}
