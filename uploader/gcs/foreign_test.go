package gcs_test

import (
	"testing"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/gcs"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/storetest"
	"lighterman.dev/lighterman/uploader/transport"
)

// TestForeignAnswers has something else than Google Cloud Storage answer.
func TestForeignAnswers(t *testing.T) {
	metadata(t)
	storetest.Foreign(t, storetest.ForeignOptions{
		Open: func(t *testing.T, url string) objstore.Store {
			t.Helper()
			store, err := gcs.New(
				uploader.GCS{Bucket: "b", Endpoint: url, Auth: uploader.Auth{Mode: "ambient"}}, transport.Options{},
			)
			if err != nil {
				t.Fatal(err)
			}
			return store
		},
		Upload: func(url string) string { return url + "/session" },
		Parts:  []objstore.Part{{Number: 1, Size: 7, Sum: checksum.Of(objstore.CRC32C, []byte("content"))}},
		Silent: []string{"Unfinished"},
	})
}
