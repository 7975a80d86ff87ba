package s3_test

import (
	"testing"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/s3"
	"lighterman.dev/lighterman/uploader/storetest"
	"lighterman.dev/lighterman/uploader/transport"
)

// TestForeignAnswers has something else than a store answer, with each kind of checksums.
func TestForeignAnswers(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	for checksums, algorithm := range map[string]objstore.Algorithm{"": objstore.CRC32C, "WhenRequired": objstore.MD5} {
		t.Run(string(algorithm), func(t *testing.T) {
			storetest.Foreign(t, storetest.ForeignOptions{
				Open: func(t *testing.T, url string) objstore.Store {
					t.Helper()
					store, err := s3.New(uploader.S3{
						Bucket: "b", Region: "eu-west-1", Endpoint: url, ForcePathStyle: true, Checksums: checksums,
						Auth: uploader.Auth{Mode: "accessKey"},
					}, transport.Options{})
					if err != nil {
						t.Fatal(err)
					}
					return store
				},
				Upload: func(string) string { return "upload" },
				Parts:  []objstore.Part{{Number: 1, Size: 7, Sum: checksum.Of(algorithm, []byte("content")), Tag: "e"}},
			})
		})
	}
}
