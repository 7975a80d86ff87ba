//go:build !linux

package realsdk

import (
	"testing"

	"lighterman.dev/lighterman/e2e/harness/require"
)

// InNamespace ends the test: there are no network namespaces here.
func InNamespace(t *testing.T) bool {
	t.Helper()
	require.Skip(t, "Linux, for a network namespace with the metadata servers' addresses")
	return false
}
