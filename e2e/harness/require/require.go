package require

import (
	"os"
	"strings"
	"testing"
)

// Env turns what cannot run into a failure, for machines that are meant to run everything.
const Env = "LIGHTERMAN_E2E_REQUIRED"

// Skip ends the test because something is missing, with what it is and how to get it.
func Skip(tb testing.TB, need string) {
	tb.Helper()
	message := "needs " + strings.TrimPrefix(need, "needs ")
	if os.Getenv(Env) == "true" {
		tb.Fatal(message)
	}
	tb.Skipf("%s (%s=true makes this a failure)", message, Env)
}
