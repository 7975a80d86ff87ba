package proof

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"lighterman.dev/lighterman/internal/proofs"
)

//go:embed common.sh servers.yaml programs
var files embed.FS

// Programs are all that are run for real, and the servers that they are run with.
func Programs() ([]proofs.Program, proofs.Servers, error) {
	return proofs.Read(files)
}

// VersionPrefix begins the line of a run's log that says the program's version.
const VersionPrefix = "version: "

// Script gives the shell script of a run. Its first line of output is that of the version.
func Script(p *proofs.Program, proof *proofs.Proof) (string, error) {
	common, err := fs.ReadFile(files, "common.sh")
	if err != nil {
		return "", fmt.Errorf("read script of %s: %w", p.Name, err)
	}
	own, err := fs.ReadFile(files, path.Join("programs", p.Name, proof.ScriptFile()))
	if err != nil {
		return "", fmt.Errorf("read script of %s: %w", p.Name, err)
	}
	version := fmt.Sprintf("exec 2>&1\necho %q\"$(%s 2>&1 | head -n 1)\"\n", VersionPrefix, strings.Join(p.VersionCommand, " "))
	return string(common) + version + "set -x\n" + string(own), nil
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
