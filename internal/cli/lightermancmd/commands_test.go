package lightermancmd

import (
	"testing"

	"lighterman.dev/lighterman/internal/test/commandtest"
)

// TestCommandsAreComplete follows "How to add a command" in CONTRIBUTING.md.
func TestCommandsAreComplete(t *testing.T) {
	commandtest.Check(t, newCommand("v0.0.0-test"), "../../..")
}
