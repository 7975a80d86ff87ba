package profile_test

import (
	"strings"
	"testing"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/profile"
)

// TestWarningsOfRegions holds that a region which is in no partition is told.
func TestWarningsOfRegions(t *testing.T) {
	for region, warns := range map[string]bool{
		"eu-west-1": false, "eusc-de-east-1": false, "eu-west-99": false, "": false, "mars-north-1": true,
	} {
		r := profile.Resolve(&v1alpha1.CredentialProfileSpec{
			S3: &v1alpha1.S3Store{Bucket: "b", Region: region, Auth: v1alpha1.S3Auth{Ambient: &v1alpha1.Ambient{}}},
		})
		if got := r.Warnings(); (len(got) > 0) != warns || warns && !strings.HasPrefix(got[0], "spec.s3.region: "+region) {
			t.Errorf("%q: warnings %q", region, got)
		}
	}
}

// TestRolesAreOfThePartition holds that Amazon's own S3 takes roles of the region's partition only, and another store any.
func TestRolesAreOfThePartition(t *testing.T) {
	tests := map[string]struct {
		region, partition string
		preset            v1alpha1.S3Preset
		endpoint, sts     string
		refused           bool
	}{
		"public":                   {region: "eu-west-1", partition: "aws"},
		"public in China":          {region: "cn-north-1", partition: "aws", refused: true},
		"China in public":          {region: "eu-west-1", partition: "aws-cn", refused: true},
		"GovCloud":                 {region: "us-gov-east-1", partition: "aws-us-gov"},
		"public in GovCloud":       {region: "us-gov-east-1", partition: "aws", refused: true},
		"sovereign":                {region: "eusc-de-east-1", partition: "aws-eusc"},
		"unknown region":           {region: "mars-north-1", partition: "aws-mars"},
		"region without partition": {partition: "aws-cn"},
		"token service of its own": {region: "cn-north-1", partition: "aws", sts: "https://sts.example.com"},
		"other store":              {region: "cn-north-1", partition: "aws", preset: "MinIO", endpoint: "https://minio.storage.svc:9000"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			problems := profile.Check(&v1alpha1.CredentialProfileSpec{S3: &v1alpha1.S3Store{
				Bucket: "pg-backups", Region: test.region, Preset: test.preset, Endpoint: test.endpoint,
				Auth: v1alpha1.S3Auth{WebIdentity: &v1alpha1.S3WebIdentity{
					RoleARN: "arn:" + test.partition + ":iam::111122223333:role/x", STSEndpoint: test.sts,
				}},
			}}, profile.Cluster{})
			refused := false
			for _, p := range problems {
				if p.Field == "spec.s3.auth.webIdentity.roleARN" {
					refused = strings.Contains(p.Message, "partition "+test.partition+",")
				}
			}
			if refused != test.refused {
				t.Errorf("refused: %v, want %v; problems %v", refused, test.refused, problems)
			}
		})
	}
}

// TestWarningsOfNewRegions holds that a tool which asks another region is told, and others are not.
func TestWarningsOfNewRegions(t *testing.T) {
	for _, test := range []struct {
		tool   v1alpha1.Tool
		region string
		warns  bool
	}{
		{"mc", "mx-central-1", true},
		{"restic", "mx-central-1", false},
		{"restic", "me-west-1", true},
		{"rclone", "me-west-1", false},
		{"mc", "eu-west-1", false},
	} {
		r := profile.Resolve(&v1alpha1.CredentialProfileSpec{
			S3:    &v1alpha1.S3Store{Bucket: "b", Prefix: "{workload}", Region: test.region, Auth: v1alpha1.S3Auth{Ambient: &v1alpha1.Ambient{}}},
			Tools: []v1alpha1.Tool{test.tool},
		})
		if got := strings.Join(r.Warnings(), "; "); strings.Contains(got, "asks us-east-1") != test.warns {
			t.Errorf("%s in %s: %q", test.tool, test.region, got)
		}
	}
}
