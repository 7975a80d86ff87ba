package image

import (
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// Save writes the image into a directory, as an OCI layout, for Open.
func Save(dir string, img v1.Image) error {
	if err := save(dir, img); err != nil {
		return fmt.Errorf("save image: %w", err)
	}
	return nil
}

func save(dir string, img v1.Image, options ...layout.Option) error {
	index, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	return index.AppendImage(img, options...)
}

// Open reads an image that Save wrote. Its layers stay in the directory and are not hashed again.
func Open(dir string) (v1.Image, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, fmt.Errorf("open image: %w", err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("open image: %w", err)
	}
	if len(manifest.Manifests) != 1 {
		return nil, fmt.Errorf("open image: %d images in %s, want one", len(manifest.Manifests), dir)
	}
	img, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		return nil, fmt.Errorf("open image: %w", err)
	}
	return img, nil
}
