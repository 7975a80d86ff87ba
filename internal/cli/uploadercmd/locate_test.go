package uploadercmd

import (
	"strings"
	"testing"

	"lighterman.dev/lighterman/uploader"
)

func TestLocate(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "s", "AZURE_STORAGE_KEY": "a2V5",
		"AZURE_STORAGE_CONNECTION_STRING": "AccountName=acct;AccountKey=a2V5;EndpointSuffix=core.windows.net",
	} {
		t.Setenv(name, value)
	}
	s3 := &uploader.Config{S3: &uploader.S3{Bucket: "b", Auth: uploader.Auth{Mode: "accessKey"}}}
	gcs := &uploader.Config{GCS: &uploader.GCS{Bucket: "b", Auth: uploader.Auth{Mode: "ambient"}}}
	az := func(mode, account, endpoint string) *uploader.Config {
		return &uploader.Config{Azure: &uploader.Azure{Account: account, Container: "c", Endpoint: endpoint, Auth: uploader.Auth{Mode: mode}}}
	}
	for name, test := range map[string]struct {
		config *uploader.Config
		where  string
		want   string // "" is an error
	}{
		"a key":                        {s3, "x/manifest.json", "x/manifest.json"},
		"S3":                           {s3, "s3://b/x/a%20b.json", "x/a b.json"},
		"another bucket of S3":         {s3, "s3://other/x", ""},
		"another store":                {s3, "gs://b/x", ""},
		"Google":                       {gcs, "gs://b/x", "x"},
		"another bucket of Google":     {gcs, "gs://other/x", ""},
		"Azure":                        {az("accountKey", "acct", ""), "https://acct.blob.core.windows.net/c/x/y", "x/y"},
		"another account":              {az("accountKey", "acct", ""), "https://other.blob.core.windows.net/c/x", ""},
		"another container":            {az("accountKey", "acct", ""), "https://acct.blob.core.windows.net/cc/x", ""},
		"an endpoint with a path":      {az("accountKey", "acct", "https://azurite:10000/acct/"), "https://azurite:10000/acct/c/x", "x"},
		"an account of its connection": {az("connectionString", "", ""), "https://acct.blob.core.windows.net/c/x", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			test.config.Spool = "/spool"
			_, key, err := openManifestStore(test.where, test.config.String())
			if key != test.want || (err == nil) != (test.want != "") {
				t.Errorf("got %q, %v", key, err)
			}
			if err != nil && !strings.Contains(err.Error(), "is not in the store of LIGHTERMAN_UPLOADER: give the URL of one that is") {
				t.Errorf("it says %v", err)
			}
		})
	}
	for where, want := range map[string]string{
		"s3://b/x": "x", "gs://b/x": "x", "https://acct.blob.core.windows.net/c/x/y": "x/y", "x": "", "ftp://b/x": "",
	} {
		if _, key, err := openManifestStore(where, ""); key != want || (err == nil) != (want != "") {
			t.Errorf("%s without settings: %q, %v", where, key, err)
		}
	}
}
