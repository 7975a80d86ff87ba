package debian

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/compression"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"lighterman.dev/lighterman/e2e/harness/image"
	"lighterman.dev/lighterman/e2e/harness/tools"
)

// release is the Debian whose packages these are: the versions that docs/tools.md shows.
const release = "bookworm"

// packages are the tools, and what Debian takes for granted on any machine.
var packages = []string{
	"awscli", "barman-cli-cloud", "duplicity", "pgbackrest", "s3cmd",
	"python3-azure-storage", // barman-cloud for Azure; it brings azure-identity
	"postgresql-15", "sqlite3",
	"base-files", "bash", "coreutils", "dash", "diffutils", "findutils", "grep", "gzip", "hostname", "sed", "tar",
}

// postgres runs the image: PostgreSQL refuses root. The number is CloudNativePG's.
var postgres = image.User{Name: "postgres", ID: 26, Home: "/var/lib/postgresql", Shell: "/bin/bash"}

// ReleaseError reports that this machine has other packages. Have is its system's name.
type ReleaseError struct{ Have string }

func (e *ReleaseError) Error() string {
	return fmt.Sprintf("the packages of Debian 12 (%s): this machine is %s", release, e.Have)
}

// Image builds the image, or takes it from the cache. On another system than Debian 12 the error is a ReleaseError.
func Image(ctx context.Context, b *tools.Builder) (v1.Image, error) {
	if err := checkRelease(); err != nil {
		return nil, err
	}
	debs, err := b.Packages(ctx, "backup-tools", packages...)
	if err != nil {
		return nil, err
	}
	key, err := key(b.Source, debs)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(b.Cache, "tools", "image-backup-tools-"+key)
	err = b.Once(dir, "image-backup-tools", func(temp string) error {
		layer := filepath.Join(temp, "layer.tar")
		if err := merge(ctx, debs, layer); err != nil {
			return err
		}
		img, err := build(layer)
		if err != nil {
			return err
		}
		if err := image.Save(temp, img); err != nil {
			return err
		}
		return os.Remove(layer)
	})
	if err != nil {
		return nil, err
	}
	return image.Open(dir)
}

func build(file string) (v1.Image, error) {
	// Zstandard unpacks in a third of gzip's time.
	layer, err := tarball.LayerFromFile(file, tarball.WithCompression(compression.ZStd), tarball.WithMediaType(types.OCILayerZStd))
	if err != nil {
		return nil, err
	}
	return image.Build(image.Spec{
		Layers: []v1.Layer{layer},
		Files:  []image.File{{Path: postgres.Home + "/", Mode: 0o700, Owner: postgres.ID}},
		Users:  []image.User{postgres},
		Env: []string{
			"PATH=/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"LANG=C.UTF-8",
			// The packages' scripts would compile the modules; this way a pod does it once for all its commands.
			"PYTHONPYCACHEPREFIX=/tmp/pycache",
		},
		Cmd: []string{"/bin/sh"},
	})
}

// merge writes the trees of all packages in a directory, in the order of their names.
func merge(ctx context.Context, debs, file string) error {
	names, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil || len(names) == 0 {
		return fmt.Errorf("merge packages: none in %s", debs)
	}
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("merge packages: %w", err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	m := newMerger(w)
	for _, name := range names {
		if err := addPackage(ctx, m, name); err != nil {
			return fmt.Errorf("merge package %s: %w", filepath.Base(name), err)
		}
	}
	if err := errors.Join(m.close(), w.Flush(), f.Close()); err != nil {
		return fmt.Errorf("merge packages: %w", err)
	}
	return nil
}

func addPackage(ctx context.Context, m *merger, deb string) error {
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	tree, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	added := m.add(tree)
	if err := cmd.Wait(); err != nil && added == nil {
		return fmt.Errorf("dpkg-deb: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return added
}

// key names what the packages and this code make.
func key(source, debs string) (string, error) {
	hash := sha256.New()
	fmt.Fprintln(hash, filepath.Base(debs))
	for _, dir := range []string{"debian", "image"} {
		files, err := filepath.Glob(filepath.Join(source, "e2e", "harness", dir, "*.go"))
		if err != nil {
			return "", err
		}
		if len(files) == 0 {
			return "", fmt.Errorf("no Go files in e2e/harness/%s", dir)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			data, err := os.ReadFile(file)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(hash, "%s %d\n%s", filepath.Base(file), len(data), data)
		}
	}
	return hex.EncodeToString(hash.Sum(nil))[:10], nil
}

func checkRelease() error {
	data, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return &ReleaseError{Have: "unknown"}
	}
	values := map[string]string{}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		values[name] = strings.Trim(value, `"`)
	}
	if values["ID"] != "debian" || values["VERSION_CODENAME"] != release {
		return &ReleaseError{Have: values["PRETTY_NAME"]}
	}
	return nil
}
