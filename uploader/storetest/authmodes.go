package storetest

import (
	"iter"
	"slices"
	"testing"

	"lighterman.dev/lighterman/uploader"
)

// CheckAuthModes checks that the table of auth modes in a store's package has a row for each mode of uploader.AuthModes, and no
// other.
func CheckAuthModes(t *testing.T, storeName string, rows iter.Seq[string]) {
	t.Helper()
	var want []string
	for _, mode := range uploader.AuthModes(storeName) {
		want = append(want, mode.Name)
	}
	slices.Sort(want)
	if got := slices.Sorted(rows); !slices.Equal(got, want) || len(want) == 0 {
		t.Errorf(
			"authModes of package uploader/%s has the rows %v, and uploader/auth.go has %v: add what is missing", storeName,
			got, want,
		)
	}
}
