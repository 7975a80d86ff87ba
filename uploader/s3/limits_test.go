package s3_test

import (
	"testing"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/s3"
	"lighterman.dev/lighterman/uploader/transport"
)

// TestLimitsHaveTheStoresParts: an upload to a store that takes fewer parts than Amazon S3 has larger ones.
func TestLimitsHaveTheStoresParts(t *testing.T) {
	for parts, want := range map[int]int{0: 10_000, 1000: 1000} {
		where := uploader.S3{
			Bucket: "backups", Region: "fr-par", Endpoint: "https://s3.fr-par.scw.cloud", MaxParts: parts, Auth: uploader.Auth{Mode: "ambient"},
		}
		store, err := s3.New(where, transport.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := store.Limits().MaxParts; got != want {
			t.Errorf("with %d parts in the configuration: %d, want %d", parts, got, want)
		}
	}
}
