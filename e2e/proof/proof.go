package proof

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"lighterman.dev/lighterman/internal/test/toolmatrix"
)

//go:embed servers.yaml programs
var files embed.FS

// Functions for the scripts.
var (
	//go:embed common.sh
	common string
	//go:embed postgres.sh
	postgres string
)

// Programs are all that are run for real, and the servers that they are run with.
func Programs() ([]toolmatrix.Program, toolmatrix.Servers, error) {
	return toolmatrix.Read(files)
}

// VersionPrefix begins the line of a run's log that says the program's version.
const VersionPrefix = "version: "

// begin is the line before a program's own script: what follows is traced.
const begin = "set -x\n"

// Script gives the shell script of a run. Its first line of output is that of the version.
func Script(p *toolmatrix.Program, proof *toolmatrix.Proof) (string, error) {
	own, err := fs.ReadFile(files, path.Join("programs", p.Name, proof.ScriptFile()))
	if err != nil {
		return "", fmt.Errorf("read script of %s: %w", p.Name, err)
	}
	version := fmt.Sprintf("exec 2>&1\necho %q\"$(%s 2>&1 | head -n 1)\"\n", VersionPrefix, strings.Join(p.VersionCommand, " "))
	return common + postgres + version + begin + string(own), nil
}

// SaysVersion reports whether a run's log says the program's version, and what it says.
func SaysVersion(log, version string) (said string, ok bool) {
	_, rest, _ := strings.Cut(log, VersionPrefix)
	said, _, _ = strings.Cut(rest, "\n")
	for word := range strings.FieldsFuncSeq(said, func(r rune) bool { return strings.ContainsRune(" \t,;()/", r) }) {
		// What follows a - is how it was built.
		if word = strings.TrimPrefix(word, "v"); word == version || strings.HasPrefix(word, version+"-") {
			return said, true
		}
	}
	return said, false
}
