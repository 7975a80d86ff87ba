package sidecar

import (
	"fmt"
	"os"
	"strings"

	"lighterman.dev/lighterman/uploader/objstore"
)

// maxTerminationMessage is the longest message that Kubernetes keeps: 4,096 bytes.
const maxTerminationMessage = 4096

// Explain says what went wrong and what to do, for people.
func Explain(err error) string {
	text := err.Error()
	if cure := objstore.CureOf(err); objstore.ClassOf(err) != objstore.Unknown && !strings.Contains(text, cure) {
		text += ": " + cure
	}
	return text
}

// WriteTermination writes the message that "kubectl describe pod" shows for a container that has ended.
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
