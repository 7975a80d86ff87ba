package sidecar

import (
	"fmt"
	"os"
	"strings"

	"lighterman.dev/lighterman/uploader/objstore"
)

// maxTerminationMessage is the longest termination message in bytes that Kubernetes keeps.
const maxTerminationMessage = 4096

// Explain returns the text of an error with its cure: what went wrong, and what to do.
func Explain(err error) string {
	text := err.Error()
	if cure := objstore.CureOf(err); objstore.ClassOf(err) != objstore.Unknown && !strings.Contains(text, cure) {
		text += ": " + cure
	}
	return text
}

// WriteTermination writes the termination message, which "kubectl describe pod" shows.
func WriteTermination(name string, err error) error {
	text := Explain(err)
	if len(text) > maxTerminationMessage {
		text = strings.ToValidUTF8(text[:maxTerminationMessage-4], "") + " …"
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil { //nolint:gosec // The kubelet reads it.
		return fmt.Errorf("write the termination message: %w", err)
	}
	return nil
}
