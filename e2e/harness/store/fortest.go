package store

import (
	"errors"
	"testing"
	"time"

	"lighterman.dev/lighterman/e2e/harness/cluster"
	"lighterman.dev/lighterman/e2e/harness/require"
	"lighterman.dev/lighterman/e2e/harness/tools"
)

// ForTest installs the store in the cluster, or finds it there. Tests share it, so each uses a bucket of its own.
func ForTest(tb testing.TB, target *cluster.Target) *Store {
	tb.Helper()
	b, err := tools.NewBuilder(tb.Output())
	if err != nil {
		tb.Fatal(err)
	}
	img, err := Image(tb.Context(), b)
	if err != nil {
		tb.Fatal(err)
	}
	ref, err := target.Deliver(tb.Context(), ImageName, img)
	if errors.Is(err, cluster.ErrNoRepository) {
		require.Skip(tb, err.Error())
	}
	if err != nil {
		tb.Fatal(err)
	}
	s, err := Install(tb.Context(), target.REST, Options{Image: ref, Timeout: 3 * time.Minute})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// RoleForTest is CreateRole for tests: an issuer that the store cannot verify ends the test through package require.
func (s *Store) RoleForTest(tb testing.TB, r Role) (arn string) {
	tb.Helper()
	arn, err := s.CreateRole(tb.Context(), r)
	if unsupported, ok := errors.AsType[*UnsupportedIssuerError](err); ok {
		require.Skip(tb, unsupported.Error())
	}
	if err != nil {
		tb.Fatal(err)
	}
	return arn
}
