package azure_test

import (
	"testing"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/storetest"
)

// TestForeignAnswers has something else than Blob Storage answer.
func TestForeignAnswers(t *testing.T) {
	storetest.Foreign(t, storetest.ForeignOptions{
		Open:   func(t *testing.T, url string) objstore.Store { return open(t, url) }, //nolint:thelper // It is one itself.
		Upload: func(string) string { return "0123456789abcdef" },
		Silent: []string{"Begin", "Abort"},
	})
}
