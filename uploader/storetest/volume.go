package storetest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Volume is a projected volume on disk, as the kubelet writes it: its files are links into "..data", which is a link to the
// directory of one generation (kubernetes pkg/volume/util/atomic_writer.go, v1.37.1).
type Volume struct {
	// Dir is where a container would mount it.
	Dir string

	tb         testing.TB
	generation string
	n          int
}

// NewVolume makes a volume with files, by their names.
func NewVolume(tb testing.TB, files map[string]string) *Volume {
	tb.Helper()
	v := &Volume{Dir: tb.TempDir(), tb: tb}
	v.Replace(files)
	for name := range files {
		v.failOn(os.Symlink(filepath.Join("..data", name), filepath.Join(v.Dir, name)))
	}
	return v
}

// Replace puts a generation of the files in place of the last one, in one step, and removes that.
func (v *Volume) Replace(files map[string]string) {
	v.tb.Helper()
	v.n++
	generation := fmt.Sprintf("..2026_11_29_%d", v.n)
	v.failOn(os.Mkdir(filepath.Join(v.Dir, generation), 0o700))
	for name, text := range files {
		v.failOn(os.WriteFile(filepath.Join(v.Dir, generation, name), []byte(text), 0o600))
	}
	next := filepath.Join(v.Dir, "..data_tmp")
	v.failOn(os.Symlink(generation, next))
	v.failOn(os.Rename(next, filepath.Join(v.Dir, "..data")))
	if v.generation != "" {
		v.failOn(os.RemoveAll(filepath.Join(v.Dir, v.generation)))
	}
	v.generation = generation
}

func (v *Volume) failOn(err error) {
	v.tb.Helper()
	if err != nil {
		v.tb.Fatal(err)
	}
}
