package upload_test

import (
	"testing"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/gcs"
	"lighterman.dev/lighterman/uploader/storetest"
	"lighterman.dev/lighterman/uploader/transport"

	"lighterman.dev/lighterman/e2e/harness/teststores"
)

func openGCS(tb testing.TB, server *teststores.GCS, bucket string) *gcs.Store {
	tb.Helper()
	tb.Setenv("GCE_METADATA_HOST", server.Metadata(tb))
	store, err := gcs.New(uploader.GCS{
		Bucket: bucket, Endpoint: server.Endpoint, Auth: uploader.Auth{Mode: "gkeWorkloadIdentity"},
	}, transport.Options{CAFile: server.CAFile})
	if err != nil {
		tb.Fatal(err)
	}
	return store
}

func TestGCS(t *testing.T) {
	server := teststores.FakeGCS(t)
	storetest.Run(t, openGCS(t, server, server.Bucket(t, "backups")), storetest.Options{NoList: true})
}
