package sidecar

import (
	"fmt"
	"os"
	"strings"

	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/uploader/objstore"
)

// Explain returns an error with its cure, what went wrong and what to do, in one line of at most 4096 bytes: the longest termination
// message that Kubernetes keeps. A store's own words in it cannot begin another line, or control a terminal.
func Explain(err error) string {
	text := err.Error()
	if cure := objstore.CureOf(err); objstore.ClassOf(err) != objstore.Unknown && !strings.Contains(text, cure) {
		text += ": " + cure
	}
	return message.Line(text)
}

// WriteTermination writes the termination message, which "kubectl describe pod" shows.
func WriteTermination(name string, err error) error {
	if err := os.WriteFile(name, []byte(Explain(err)), 0o644); err != nil { //nolint:gosec // The kubelet reads it.
		return fmt.Errorf("write the termination message: %w", err)
	}
	return nil
}
