package profile_test

import (
	"strings"
	"testing"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/profile"
)

// endpointProblems returns what is wrong with a profile for an S3 store with an endpoint.
func endpointProblems(preset v1alpha1.S3Preset, bucket, region, endpoint string) []string {
	var texts []string
	for _, p := range profile.Check(&v1alpha1.CredentialProfileSpec{S3: &v1alpha1.S3Store{
		Bucket: bucket, Region: region, Preset: preset, Endpoint: endpoint, Auth: v1alpha1.S3Auth{Ambient: &v1alpha1.Ambient{}},
	}}, profile.Cluster{}) {
		texts = append(texts, p.String())
	}
	return texts
}

// TestEndpointURLs has for each kind of URL what is said of it; an empty text: it is taken.
func TestEndpointURLs(t *testing.T) {
	for endpoint, want := range map[string]string{
		"https://minio.storage.svc:9000":             "",
		"https://minio.storage.svc:9000/":            "",
		"https://minio.storage.svc:9000//":           "",
		"http://minio":                               "",
		"https://my_minio.storage.svc":               "",
		"http://10.0.0.1:9000":                       "",
		"http://[fd00::1]:9000":                      "",
		"http://[fd00::1]":                           "",
		"https://xn--bcher-kva.example.com":          "",
		"https://gateway.example.com/storage/v1/s3":  "",
		"https://gateway.example.com/storage/v1/s3/": "",

		"minio.storage.svc:9000":                   "write https://minio.storage.svc:9000,",
		"minio.storage.svc":                        "write https://minio.storage.svc,",
		"10.0.0.1:9000":                            "write https://10.0.0.1:9000,",
		"//minio.storage.svc":                      "must be a URL with a scheme",
		"s3://pg-backups":                          "begins with s3://",
		"ftp://minio":                              "begins with ftp://",
		"https://":                                 "must be a URL of a scheme, a host",
		"https:///pg-backups":                      "must be a URL of a scheme, a host",
		"https://mi nio":                           "must be a URL of a scheme, a host",
		"https://key:secret@minio:9000":            "write https://minio:9000",
		"https://minio?versioning":                 "write https://minio",
		"https://minio/?":                          "write https://minio",
		"https://minio/#top":                       "write https://minio",
		"https://minio#":                           "write https://minio",
		"HTTPS://minio:9000":                       "write https://minio:9000",
		"https://MinIO.Storage.svc:9000":           "write https://minio.storage.svc:9000",
		"https://minio:0":                          "a port from 1 to 65535",
		"https://minio:65536":                      "a port from 1 to 65535",
		"https://minio:":                           "a port from 1 to 65535",
		"https://minio:09000":                      "a port from 1 to 65535",
		"https://bücher.example.com":               "with xn--",
		"https://minio.storage.svc.cluster.local.": "a dot at its end",
		"https://-minio":                           "a host that is no name",
		"https://minio..svc":                       "a host that is no name",
		"https://[fe80::1%25eth0]:9000":            "without %eth0",
		"https://minio/a//b":                       "a path that programs read differently",
		"https://minio/a/../b":                     "a path that programs read differently",
		"https://minio/./b":                        "a path that programs read differently",
		"https://minio/a%20b":                      "a path that programs read differently",
		"https://minio/pg-backups":                 "write https://minio, and the bucket",
		"https://minio/pg-backups/":                "write https://minio, and the bucket",
		"https://minio/pg-backups/daily":           "write https://minio, and the bucket",
		"https://minio/s3/pg-backups":              "write https://minio/s3, and the bucket",
	} {
		got := endpointProblems("Other", "pg-backups", "eu-west-1", endpoint)
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || !strings.Contains(got[0], want) || !strings.HasPrefix(got[0], "spec.s3.endpoint: ")) {
			t.Errorf("%s: %q, want %q", endpoint, got, want)
		}
		if strings.Contains(strings.Join(got, ""), "secret") {
			t.Errorf("%s: the message has the password: %q", endpoint, got)
		}
	}
}

// TestHostsOfStores holds for hosts of services what preset is asked for, and what is said of a bucket in the host.
func TestHostsOfStores(t *testing.T) {
	for endpoint, want := range map[string]string{
		"https://s3.eu-west-1.amazonaws.com":                             "",
		"https://s3.amazonaws.com":                                       "",
		"https://s3.dualstack.eu-west-1.amazonaws.com":                   "",
		"https://s3-fips.us-gov-west-1.amazonaws.com":                    "",
		"https://s3-accelerate.amazonaws.com":                            "",
		"https://pg-backups.vpce-1a2b.s3.eu-west-1.vpce.amazonaws.com":   "",
		"https://bucket.vpce-1a2b.s3.eu-west-1.vpce.amazonaws.com":       "",
		"https://ap-111122223333.s3-accesspoint.eu-west-1.amazonaws.com": "",
		"https://s3.eu-west-1.amazonaws.com/":                            "",
		"https://s3.eu-west-1.amazonaws.com/x":                           "spec.s3.endpoint: has a path, and the store at s3.eu-west-1.amazonaws.com has none: write https://s3.eu-west-1.amazonaws.com",
		"https://pg-backups.s3.eu-west-1.amazonaws.com":                  "write https://s3.eu-west-1.amazonaws.com, and the bucket",
		"https://pg-backups.s3-accelerate.amazonaws.com":                 "write https://s3-accelerate.amazonaws.com, and the bucket",
		"https://s3.amazonaws.com.example.org":                           "set preset: Other",
		"https://minio.storage.svc:9000":                                 "set preset: MinIO",
		"https://pg-backups.example.com":                                 "set preset: Other",
		"https://rook-ceph-rgw-store.rook.svc":                           "set preset: Ceph",
		"https://account.r2.cloudflarestorage.com":                       "set preset: R2",
		"https://account.eu.r2.cloudflarestorage.com":                    "set preset: R2",
		"https://pg-backups.account.r2.cloudflarestorage.com":            "write https://account.r2.cloudflarestorage.com, and the bucket",
		"https://pg-backups.account.eu.r2.cloudflarestorage.com":         "write https://account.eu.r2.cloudflarestorage.com, and the bucket",
		"https://s3.us-west-004.backblazeb2.com":                         "set preset: B2",
		"https://pg-backups.s3.us-west-004.backblazeb2.com":              "write https://s3.us-west-004.backblazeb2.com, and the bucket",
		"https://nyc3.digitaloceanspaces.com":                            "set preset: DigitalOcean",
		"https://pg-backups.nyc3.digitaloceanspaces.com":                 "write https://nyc3.digitaloceanspaces.com, and the bucket",
		"https://other.nyc3.digitaloceanspaces.com":                      "write https://nyc3.digitaloceanspaces.com, and the bucket",
		"https://us-ord-1.linodeobjects.com":                             "set preset: Linode",
		"https://s3.wasabisys.com":                                       "set preset: Wasabi",
		"https://s3.eu-central-1.wasabisys.com":                          "set preset: Wasabi",
		"https://s3.fr-par.scw.cloud":                                    "set preset: Scaleway",
		"https://pg-backups.s3.fr-par.scw.cloud":                         "write https://s3.fr-par.scw.cloud, and the bucket",
		"https://storage.googleapis.com":                                 "set preset: GCSInterop",
		"https://pg-backups.storage.googleapis.com":                      "write https://storage.googleapis.com, and the bucket",
	} {
		got := endpointProblems("", "pg-backups", "", endpoint)
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || !strings.Contains(got[0], want)) {
			t.Errorf("%s: %q, want %q", endpoint, got, want)
		}
	}
	// Another bucket than the profile's, and a path that is the store's own.
	for endpoint, want := range map[string]string{
		"https://account.r2.cloudflarestorage.com/other":    "write https://account.r2.cloudflarestorage.com",
		"https://nyc3.digitaloceanspaces.com/other/dumps":   "write https://nyc3.digitaloceanspaces.com",
		"https://project.storage.supabase.co/storage/v1/s3": "",
		"https://gateway.example.com/storage/v1/s3":         "",
	} {
		got := endpointProblems("Other", "pg-backups", "", endpoint)
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || !strings.HasSuffix(got[0], want)) {
			t.Errorf("%s: %q, want %q", endpoint, got, want)
		}
	}
	// A bucket that has the name of its store's host.
	for bucket, endpoint := range map[string]string{"minio": "https://minio.storage.svc", "nyc3": "https://nyc3.digitaloceanspaces.com"} {
		if got := endpointProblems("Other", bucket, "", endpoint); len(got) > 0 {
			t.Errorf("bucket %s at %s: %q", bucket, endpoint, got)
		}
	}
}

// TestWarningsOfPresets holds when a preset is told to fit another, and when an assumed region is.
func TestWarningsOfPresets(t *testing.T) {
	tests := map[string]struct {
		preset           v1alpha1.S3Preset
		region, endpoint string
		want             string
	}{
		"the store's own":            {"Wasabi", "eu-central-1", "https://s3.eu-central-1.wasabisys.com", ""},
		"another's":                  {"R2", "auto", "https://s3.eu-central-1.wasabisys.com", "set preset: Wasabi"},
		"other for a known one":      {"Other", "auto", "https://account.r2.cloudflarestorage.com", "set preset: R2"},
		"MinIO at Amazon":            {"MinIO", "eu-west-1", "https://s3.eu-west-1.amazonaws.com", "set preset: AWS"},
		"a host of one's own":        {"MinIO", "", "https://s3.example.com", ""},
		"no endpoint":                {"Wasabi", "eu-central-1", "", ""},
		"other without a region":     {"Other", "", "http://garage.storage.svc:3900", "requests are signed for us-east-1"},
		"other with a region":        {"Other", "garage", "http://garage.storage.svc:3900", ""},
		"the bucket's host, perhaps": {"MinIO", "", "https://b.minio.example.com:9000", "write https://minio.example.com:9000"},
		"a service of its own name":  {"MinIO", "", "https://b.storage.svc:9000", ""},
		"a domain of its own name":   {"MinIO", "", "https://b.example", ""},
		"Amazon's without a preset":  {"", "eu-west-1", "https://s3.eu-west-1.amazonaws.com", ""},
	}
	for name, test := range tests {
		r := profile.Resolve(&v1alpha1.CredentialProfileSpec{S3: &v1alpha1.S3Store{
			Bucket: "b", Region: test.region, Preset: test.preset, Endpoint: test.endpoint, Auth: v1alpha1.S3Auth{Ambient: &v1alpha1.Ambient{}},
		}})
		got := strings.Join(r.Warnings(), "; ")
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
