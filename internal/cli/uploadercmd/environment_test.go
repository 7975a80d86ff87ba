package uploadercmd

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lighterman.dev/lighterman/uploader"
)

func TestFromEnvironment(t *testing.T) {
	s3 := func(c uploader.S3) *uploader.Config {
		c.Bucket, c.Auth.Mode = "pg-backups", "ambient"
		return &uploader.Config{S3: &c}
	}
	withCA := func(c *uploader.Config, file string) *uploader.Config {
		c.CAFile = file
		return c
	}
	azure := func(account, mode string) *uploader.Config {
		return &uploader.Config{Azure: &uploader.Azure{
			Account: account, Container: "pg", Endpoint: "https://acme.blob.core.windows.net", Auth: uploader.Auth{Mode: mode},
		}}
	}
	const manifest = "ns/pod/.lighterman/uid/manifest.json"
	tests := map[string]struct {
		url  string
		env  map[string]string
		want *uploader.Config
	}{
		"a machine at Amazon": {
			"s3://pg-backups/" + manifest, map[string]string{"AWS_REGION": "eu-west-1"}, s3(uploader.S3{Region: "eu-west-1"}),
		},
		"a workstation with a store of one's own": {
			"s3://pg-backups/" + manifest,
			map[string]string{"AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL_S3": "https://minio:9000", "AWS_CA_BUNDLE": "/ca.crt"},
			withCA(s3(uploader.S3{Region: "us-east-1", Endpoint: "https://minio:9000", ForcePathStyle: true}), "/ca.crt"),
		},
		"a container with a profile": {
			"s3://pg-backups/" + manifest,
			map[string]string{
				"LIGHTERMAN_PROVIDER": "s3", "LIGHTERMAN_BUCKET": "pg-backups", "LIGHTERMAN_REGION": "r", "LIGHTERMAN_ENDPOINT": "https://oss.example.com",
				"LIGHTERMAN_CA_FILE": "/injected.crt", "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
			},
			withCA(s3(uploader.S3{Region: "r", Endpoint: "https://oss.example.com", Checksums: "WhenRequired"}), "/injected.crt"),
		},
		"a container with a profile that asks for path style": {
			"s3://pg-backups/" + manifest,
			map[string]string{
				"LIGHTERMAN_PROVIDER": "s3", "LIGHTERMAN_BUCKET": "pg-backups", "LIGHTERMAN_ENDPOINT": "https://minio:9000",
				"LIGHTERMAN_FORCE_PATH_STYLE": "true",
			},
			s3(uploader.S3{Endpoint: "https://minio:9000", ForcePathStyle: true}),
		},
		"a container whose profile is of another store": {
			"s3://pg-backups/" + manifest,
			map[string]string{"LIGHTERMAN_PROVIDER": "gcs", "LIGHTERMAN_ENDPOINT": "https://gcs:4443", "AWS_REGION": "eu-west-1"},
			s3(uploader.S3{Region: "eu-west-1"}),
		},
		"Google": {
			"gs://pg-backups/" + manifest,
			map[string]string{"LIGHTERMAN_PROVIDER": "gcs", "LIGHTERMAN_ENDPOINT": "https://gcs:4443", "LIGHTERMAN_CA_FILE": "/ca.crt"},
			withCA(&uploader.Config{GCS: &uploader.GCS{
				Bucket: "pg-backups", Endpoint: "https://gcs:4443", Auth: uploader.Auth{Mode: "ambient"},
			}}, "/ca.crt"),
		},
		"Azure":            {"https://acme.blob.core.windows.net/pg/" + manifest, nil, azure("", "default")},
		"Azure with a key": {"https://acme.blob.core.windows.net/pg/" + manifest, map[string]string{"AZURE_STORAGE_ACCOUNT": "acme", "AZURE_STORAGE_KEY": "k"}, azure("acme", "accountKey")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			u, err := url.Parse(test.url)
			if err != nil {
				t.Fatal(err)
			}
			got, key, err := configFromEnvironment(u, test.url, func(name string) string { return test.env[name] })
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" || key != manifest {
				t.Errorf("key %s (-want +got):\n%s", key, diff)
			}
		})
	}
}
