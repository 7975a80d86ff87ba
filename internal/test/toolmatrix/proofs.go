package toolmatrix

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Program is one program of the file program.yaml in a folder of its name.
type Program struct {
	// Name is the folder's.
	Name string `json:"-"`
	// Tool is the name in spec.tools; "sdk" for a program that needs no variables of its own.
	Tool string `json:"tool"`
	// Version is what VersionCommand prints, as the authors write it: without v, and without a distribution's suffix.
	Version        string   `json:"version"`
	VersionCommand []string `json:"versionCommand"`
	// Image is the name of the image that holds the program.
	Image string `json:"image"`
	// User is the number of the user that the program runs as. Zero is the image's own.
	User int64 `json:"user"`
	// Proofs are the program's runs.
	Proofs []Proof `json:"proofs"`
}

// Proof is a backup and a read-back with one store, in each of the modes.
type Proof struct {
	// Store is s3, azure or gcs.
	Store string `json:"store"`
	// Server is a server of the file servers.yaml.
	Server string `json:"server"`
	// Location is how the profile names the store.
	Location Location `json:"location"`
	// Script is a file of the program's folder. Empty: the store's name with .sh.
	Script string `json:"script"`
	// Modes are auth modes. What follows a + is a variant of one, e.g. accessKey+sessionToken.
	Modes []string `json:"modes"`
}

// SDK is the tool of programs that read the variables of the clouds' SDKs and no others.
const SDK = "sdk"

// Location is how a profile names the store.
type Location string

// The locations.
const (
	// Endpoint is a store at an address of its own, which the profile names.
	Endpoint Location = "endpoint"
	// Cloud is a store under the names that the public cloud has: the profile names no address.
	Cloud Location = "cloud"
)

// Mode returns the auth mode and its variant, which may be empty.
func Mode(of string) (mode, variant string) {
	mode, variant, _ = strings.Cut(of, "+")
	return mode, variant
}

// ScriptFile is the file that the proof runs.
func (p *Proof) ScriptFile() string {
	if p.Script == "" {
		return p.Store + ".sh"
	}
	return p.Script
}

// Servers returns the version of each server, by its name.
type Servers map[string]string

// Read reads the file servers.yaml and the folders of programs.
func Read(files fs.FS) ([]Program, Servers, error) {
	var servers Servers
	if err := read(files, "servers.yaml", &servers); err != nil {
		return nil, nil, err
	}
	folders, err := fs.ReadDir(files, "programs")
	if err != nil {
		return nil, nil, fmt.Errorf("read proofs: %w", err)
	}
	programs := make([]Program, len(folders))
	for i, folder := range folders {
		programs[i].Name = folder.Name()
		dir := path.Join("programs", folder.Name())
		if err := read(files, path.Join(dir, "program.yaml"), &programs[i]); err != nil {
			return nil, nil, err
		}
		if err := programs[i].check(files, dir, servers); err != nil {
			return nil, nil, fmt.Errorf("read proofs: %s: %w", dir, err)
		}
	}
	return programs, servers, nil
}

func read(files fs.FS, name string, into any) error {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return fmt.Errorf("read proofs: %w", err)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		return fmt.Errorf("read proofs: %s: %w", name, err)
	}
	return nil
}

// check finds what can be seen without the tables of tools, stores and modes.
func (p *Program) check(files fs.FS, dir string, servers Servers) error {
	if p.Tool == "" || p.Version == "" || len(p.VersionCommand) == 0 || p.Image == "" || len(p.Proofs) == 0 {
		return errors.New("tool, version, versionCommand, image and proofs are required")
	}
	var seen []string
	for i := range p.Proofs {
		proof := &p.Proofs[i]
		if servers[proof.Server] == "" {
			return fmt.Errorf("server %q is not in servers.yaml", proof.Server)
		}
		if proof.Location != Endpoint && proof.Location != Cloud {
			return fmt.Errorf("location %q: use %s or %s", proof.Location, Endpoint, Cloud)
		}
		if _, err := fs.Stat(files, path.Join(dir, proof.ScriptFile())); err != nil {
			return err
		}
		if len(proof.Modes) == 0 {
			return fmt.Errorf("%s: modes are required", proof.Store)
		}
		for _, mode := range proof.Modes {
			if slices.Contains(seen, proof.Store+"."+mode) {
				return fmt.Errorf("%s.%s is there twice", proof.Store, mode)
			}
			seen = append(seen, proof.Store+"."+mode)
		}
	}
	return nil
}
