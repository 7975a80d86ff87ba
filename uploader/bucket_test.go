package uploader_test

import (
	"strings"
	"testing"

	"lighterman.dev/lighterman/uploader"
)

// TestResolveBucket: a name that only the kubelet knows is taken from its variable, and checked like one that the API server saw.
func TestResolveBucket(t *testing.T) {
	t.Parallel()
	s3 := func(bucket string) *uploader.Config { return &uploader.Config{S3: &uploader.S3{Bucket: bucket}} }
	azure := func() *uploader.Config {
		return &uploader.Config{Azure: &uploader.Azure{Container: uploader.BucketFromVariable}}
	}
	gcs := func() *uploader.Config {
		return &uploader.Config{GCS: &uploader.GCS{Bucket: uploader.BucketFromVariable}}
	}
	const secretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	tests := map[string]struct {
		config         *uploader.Config
		variable, want string
		problem        string
	}{
		"named":            {config: s3("pg-backups"), variable: "other", want: "pg-backups"},
		"s3":               {config: s3(uploader.BucketFromVariable), variable: "pg-8f3", want: "pg-8f3"},
		"azure":            {config: azure(), variable: "pg-dumps", want: "pg-dumps"},
		"gcs":              {config: gcs(), variable: "pg_dumps", want: "pg_dumps"},
		"absent":           {config: s3(uploader.BucketFromVariable), problem: "LIGHTERMAN_BUCKET, which has 0 bytes, is no name of a bucket: the key that the profile's s3.bucketFrom names"},
		"a key":            {config: s3(uploader.BucketFromVariable), variable: secretKey, problem: "which has 40 bytes"},
		"a newline":        {config: s3(uploader.BucketFromVariable), variable: "pg-backups\n", problem: "must hold the name of a bucket"},
		"a path":           {config: s3(uploader.BucketFromVariable), variable: "pg/../other", problem: "must hold the name of a bucket"},
		"COSI's JSON":      {config: s3(uploader.BucketFromVariable), variable: `{"spec":{"bucketName":"pg"}}`, problem: "must hold the name of a bucket"},
		"no container":     {config: azure(), variable: "PG", problem: "azure.containerFrom names must hold the name of a container"},
		"no Google bucket": {config: gcs(), variable: "PG", problem: "gcs.bucketFrom names must hold the name of a bucket"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := test.config.ResolveBucket(func(name string) string {
				if name != "LIGHTERMAN_BUCKET" {
					t.Errorf("reads %s", name)
				}
				return test.variable
			})
			if test.problem != "" {
				if err == nil || !strings.Contains(err.Error(), test.problem) || strings.Contains(err.Error(), secretKey) {
					t.Fatalf("got %v, want %q", err, test.problem)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			where, err := test.config.Location()
			if err != nil || where.BucketName() != test.want {
				t.Errorf("got %q, %v", where.BucketName(), err)
			}
		})
	}
}
