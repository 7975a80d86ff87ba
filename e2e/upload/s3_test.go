package upload_test

import (
	"testing"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/s3"
	"lighterman.dev/lighterman/uploader/storetest"
	"lighterman.dev/lighterman/uploader/transport"

	"lighterman.dev/lighterman/e2e/harness/teststores"
)

// locate says where a bucket of the server is; the access key is in the test's environment.
func locate(tb testing.TB, server *teststores.S3, bucket string) uploader.S3 {
	tb.Helper()
	tb.Setenv("AWS_ACCESS_KEY_ID", teststores.AccessKey)
	tb.Setenv("AWS_SECRET_ACCESS_KEY", teststores.SecretKey)
	tb.Setenv("AWS_SESSION_TOKEN", "")
	return uploader.S3{
		Bucket: bucket, Region: teststores.Region, Endpoint: server.Endpoint, ForcePathStyle: true,
		Auth: uploader.Auth{Mode: "accessKey"},
	}
}

func openS3(tb testing.TB, server *teststores.S3, where uploader.S3) *s3.Store {
	tb.Helper()
	store, err := s3.New(where, transport.Options{CAFile: server.CAFile, Connections: 32})
	if err != nil {
		tb.Fatal(err)
	}
	return store
}

func TestS3(t *testing.T) {
	for name, plain := range map[string]bool{"over TLS": false, "without TLS": true} {
		t.Run(name, func(t *testing.T) {
			server := teststores.Versitygw(t, teststores.S3Options{Plain: plain})
			where := locate(t, server, server.Bucket(t, "backups"))
			for _, sums := range []string{"WhenSupported", "WhenRequired"} {
				where.Checksums = sums
				t.Run(sums, func(t *testing.T) { storetest.Run(t, openS3(t, server, where), storetest.Options{Prefix: sums}) })
			}
		})
	}
}
