package secrets

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"lighterman.dev/lighterman/uploader"
)

// Values are secrets by the name of their variable or file. One that is absent is empty.
type Values map[string]string

// source is a place that secrets are read from.
type source interface {
	// changeStamp returns a text that differs when the secrets may have changed.
	changeStamp() (string, error)
	readValues() (Values, error)
}

// environment are variables. They do not change.
type environment []string

func (environment) changeStamp() (string, error) { return "", nil }

func (e environment) readValues() (Values, error) {
	values := make(Values, len(e))
	for _, name := range e {
		values[name] = strings.TrimSpace(os.Getenv(name))
	}
	return values, nil
}

// directory is one that may be a volume of the kubelet's: then its files are links into "..data", which is a link to the
// directory of one generation. The kubelet makes the next generation beside it and replaces the link (kubernetes
// pkg/volume/util/atomic_writer.go, v1.37.1).
type directory struct {
	path string
	// files are the names of the files, by the names of their values.
	files map[string]string
}

const generationLink = "..data"

// generationPath returns the directory that holds all files of one generation.
func (d *directory) generationPath() (string, error) {
	target, err := os.Readlink(filepath.Join(d.path, generationLink))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return d.path, nil // It is no volume, or one that is mounted by subPath and never changes.
	case err != nil:
		return "", err
	case filepath.IsAbs(target):
		return target, nil
	}
	return filepath.Join(d.path, target), nil
}

func (d *directory) changeStamp() (string, error) {
	generation, err := d.generationPath()
	if err != nil || generation != d.path {
		return generation, err
	}
	var b strings.Builder
	for _, file := range slices.Sorted(maps.Values(d.files)) {
		info, err := os.Stat(filepath.Join(d.path, file))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if err == nil {
			fmt.Fprintf(&b, "%s %d %d\n", file, info.ModTime().UnixNano(), info.Size())
		}
	}
	return b.String(), nil
}

// maxReplacements bounds how often the kubelet may replace the files while they are read.
const maxReplacements = 10

func (d *directory) readValues() (Values, error) {
	var err error
	for range maxReplacements {
		generation, lerr := d.generationPath()
		if lerr != nil {
			return nil, lerr
		}
		var values Values
		if values, err = d.readGeneration(generation); err == nil {
			// An absent file may belong to a generation that was removed meanwhile.
			if again, lerr := d.generationPath(); lerr == nil && (again == generation || len(values) == len(d.files)) {
				return values, nil
			}
		}
	}
	return nil, err
}

// readGeneration reads the files that exist. It is an error if none does.
func (d *directory) readGeneration(generation string) (Values, error) {
	values := make(Values, len(d.files))
	var missing error
	for name, file := range d.files {
		text, err := os.ReadFile(filepath.Join(generation, file)) //nolint:gosec // The kubelet wrote the volume.
		if errors.Is(err, fs.ErrNotExist) {
			missing = err
			continue
		}
		if err != nil {
			return nil, err
		}
		values[name] = strings.TrimSpace(string(text))
	}
	if len(values) == 0 {
		return nil, missing
	}
	return values, nil
}

// newSource returns the source of an auth mode's secrets: files where the configuration names a directory, else the environment.
func newSource(auth uploader.Auth, names []string) source {
	if auth.SecretsDirectory == "" {
		return environment(names)
	}
	d := &directory{path: auth.SecretsDirectory, files: make(map[string]string, len(names))}
	for _, name := range names {
		d.files[name] = uploader.SecretFile(name)
	}
	return d
}
