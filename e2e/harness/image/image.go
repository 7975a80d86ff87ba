package image

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// NonRoot is the user that images run as: the one of the "nonroot" images that many know.
const NonRoot = 65532

// File is one file of an image.
type File struct {
	// Path is absolute, in the image.
	Path string
	Mode int64
	// Owner is a user and group number.
	Owner int
	// Source is a file to copy. Empty: Data is the content.
	Source string
	Data   []byte
	// Link makes the file a symbolic link that leads there.
	Link string
}

// User is one entry of the user database, with a group of the same name and number.
type User struct {
	Name string
	ID   int
	Home string
	// Shell is empty for none.
	Shell string
}

// BuildTag is the build tag of the programs in Lighterman's own images, as the Dockerfile has it: they leave out what only a
// command line needs.
const BuildTag = "lighterman_image"

// Spec describes an image.
type Spec struct {
	// Layers lie below all else.
	Layers []v1.Layer
	// Binaries maps a path in the image to the static program to put there.
	Binaries map[string]string
	// Files are put beside them, e.g. a bundle of certificate authorities.
	Files      []File
	Entrypoint []string
	Cmd        []string
	Env        []string
	// Users are known beside root and NonRoot. The first of them runs the image.
	Users []User
	// Root runs as user 0. The default is NonRoot.
	Root bool
	// Architecture defaults to this machine's.
	Architecture string
}

// Build makes the image in memory.
func Build(spec Spec) (v1.Image, error) {
	if len(spec.Layers) == 0 && (len(spec.Binaries) == 0 || len(spec.Entrypoint) == 0) {
		return nil, errors.New("build image: it needs a binary and an entrypoint, or a layer that has them")
	}
	base, err := layer(append(baseFiles(spec.Users), spec.Files...))
	if err != nil {
		return nil, fmt.Errorf("build image: %w", err)
	}
	layers := append(slices.Clone(spec.Layers), base)
	targets := make([]string, 0, len(spec.Binaries))
	for target := range spec.Binaries {
		targets = append(targets, target)
	}
	slices.Sort(targets)
	// A layer for each program: one that did not change is not sent again.
	for _, target := range targets {
		l, err := layer([]File{{Path: target, Mode: 0o755, Source: spec.Binaries[target]}})
		if err != nil {
			return nil, fmt.Errorf("build image: %w", err)
		}
		layers = append(layers, l)
	}
	img := mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1)
	img, err = mutate.AppendLayers(img, layers...)
	if err != nil {
		return nil, fmt.Errorf("build image: %w", err)
	}
	img, err = mutate.ConfigFile(img, config(spec, img))
	if err != nil {
		return nil, fmt.Errorf("build image: %w", err)
	}
	return img, nil
}

func config(spec Spec, img v1.Image) *v1.ConfigFile {
	c := &v1.ConfigFile{
		OS:           "linux",
		Architecture: spec.Architecture,
		Created:      v1.Time{Time: time.Unix(0, 0).UTC()},
		Config: v1.Config{
			Entrypoint: spec.Entrypoint,
			Cmd:        spec.Cmd,
			Env:        spec.Env,
			User:       fmt.Sprintf("%[1]d:%[1]d", runAs(spec)),
			WorkingDir: "/",
		},
	}
	if c.Architecture == "" {
		c.Architecture = runtime.GOARCH
	}
	if old, err := img.ConfigFile(); err == nil {
		c.RootFS = old.RootFS
	}
	return c
}

func runAs(spec Spec) int {
	switch {
	case spec.Root:
		return 0
	case len(spec.Users) > 0:
		return spec.Users[0].ID
	}
	return NonRoot
}

func baseFiles(users []User) []File {
	users = append([]User{{Name: "root", Home: "/root"}, {Name: "nonroot", ID: NonRoot, Home: "/home/nonroot"}}, users...)
	var passwd, group strings.Builder
	for _, u := range users {
		fmt.Fprintf(&passwd, "%[1]s:x:%[2]d:%[2]d:%[1]s:%[3]s:%[4]s\n", u.Name, u.ID, u.Home, cmp.Or(u.Shell, "/sbin/nologin"))
		fmt.Fprintf(&group, "%s:x:%d:\n", u.Name, u.ID)
	}
	return []File{
		{Path: "/etc/passwd", Mode: 0o644, Data: []byte(passwd.String())},
		{Path: "/etc/group", Mode: 0o644, Data: []byte(group.String())},
		{Path: "/tmp/", Mode: 0o1777},
		{Path: "/home/nonroot/", Mode: 0o700, Owner: NonRoot},
	}
}

// layer packs files, with the directories above them, in a fixed order and with a fixed time.
func layer(files []File) (v1.Layer, error) {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	var buf bytes.Buffer
	zw, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	tw := tar.NewWriter(zw)
	made := map[string]bool{}
	for _, f := range files {
		if err := parents(tw, f.Path, made); err != nil {
			return nil, err
		}
		if err := add(tw, f); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(tw.Close(), zw.Close()); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
}

func parents(tw *tar.Writer, file string, made map[string]bool) error {
	dir := path.Dir(strings.TrimSuffix(file, "/"))
	if dir == "/" || made[dir] {
		return nil
	}
	if err := parents(tw, dir, made); err != nil {
		return err
	}
	made[dir] = true
	return tw.WriteHeader(header(dir+"/", 0o755, 0))
}

func add(tw *tar.Writer, f File) error {
	if !path.IsAbs(f.Path) {
		return fmt.Errorf("path %q in the image is not absolute", f.Path)
	}
	if strings.HasSuffix(f.Path, "/") {
		return tw.WriteHeader(owned(header(f.Path, f.Mode, 0), f.Owner))
	}
	if f.Link != "" {
		h := header(f.Path, 0o777, 0)
		h.Typeflag, h.Linkname = tar.TypeSymlink, f.Link
		return tw.WriteHeader(h)
	}
	data := f.Data
	if f.Source != "" {
		var err error
		if data, err = os.ReadFile(f.Source); err != nil {
			return err
		}
	}
	if err := tw.WriteHeader(owned(header(f.Path, f.Mode, int64(len(data))), f.Owner)); err != nil {
		return err
	}
	_, err := tw.Write(data)
	return err
}

func header(name string, mode, size int64) *tar.Header {
	h := &tar.Header{
		Typeflag: tar.TypeReg, Name: strings.TrimPrefix(name, "/"), Mode: mode, Size: size,
		ModTime: time.Unix(0, 0).UTC(), Format: tar.FormatPAX,
	}
	if strings.HasSuffix(name, "/") {
		h.Typeflag = tar.TypeDir
	}
	return h
}

func owned(h *tar.Header, owner int) *tar.Header {
	h.Uid, h.Gid = owner, owner
	return h
}
