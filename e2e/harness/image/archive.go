package image

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// Write stores the image as an archive (an OCI layout in a tar file) that `ctr images import`, `docker load` and `kind load
// image-archive` take. ref is the name that pods use, e.g. "localhost/lighterman:dev".
func Write(file, ref string, img v1.Image) error {
	tag, err := name.NewTag(ref, name.StrictValidation)
	if err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	dir, err := os.MkdirTemp(filepath.Dir(file), ".image-")
	if err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	defer os.RemoveAll(dir)
	// containerd reads the full name from its own annotation; the standard one holds the tag.
	err = save(dir, img, layout.WithAnnotations(map[string]string{
		"io.containerd.image.name":          tag.Name(),
		"org.opencontainers.image.ref.name": tag.TagStr(),
	}))
	if err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	temp := filepath.Join(dir, "archive.tar")
	if err := pack(temp, dir); err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	if err := os.Rename(temp, file); err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	return nil
}

func pack(file, dir string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	tw := tar.NewWriter(f)
	// WalkDir's order is lexical, so the archive is as reproducible as the image.
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path == file {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return packFile(tw, filepath.ToSlash(rel), path)
	})
	if err != nil {
		return err
	}
	if err := tw.Close(); err != nil {
		return err
	}
	return f.Close()
}

func packFile(tw *tar.Writer, name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := tw.WriteHeader(header(name, 0o644, info.Size())); err != nil {
		return err
	}
	_, err = io.Copy(tw, f)
	return err
}
