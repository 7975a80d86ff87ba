package partition_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"lighterman.dev/lighterman/internal/partition"
)

// regions are one of each kind, with the partition that is expected of it.
var regions = map[string]string{
	"eu-west-1":       "aws",
	"us-east-1":       "aws",
	"ap-southeast-99": "aws", // By its pattern.
	"mars-north-1":    "aws", // A guess.
	"cn-north-1":      "aws-cn",
	"cn-south-7":      "aws-cn",
	"us-gov-east-1":   "aws-us-gov",
	"eusc-de-east-1":  "aws-eusc",
	"eusc-de-west-2":  "aws-eusc",
	"us-iso-east-1":   "aws-iso",
	"us-isob-east-1":  "aws-iso-b",
	"eu-isoe-west-1":  "aws-iso-e",
	"us-isof-south-1": "aws-iso-f",
}

// TestHostsAreTheSDKs proves for a region of each partition that the hosts are those that Amazon's own SDK finds.
func TestHostsAreTheSDKs(t *testing.T) {
	for region, name := range regions {
		p, isKnown := partition.Of(region)
		if p.Name != name || isKnown != (region != "mars-north-1") {
			t.Errorf("%s: partition %s, known %v, want %s", region, p.Name, isKnown, name)
		}
		if got, want := partition.S3URL(region), s3URL(t, region); got != want {
			t.Errorf("%s: S3 is %s, want %s", region, got, want)
		}
		if got, want := partition.STSURL(region), stsURL(t, region); got != want {
			t.Errorf("%s: the token service is %s, want %s", region, got, want)
		}
	}
	for region, name := range map[string]string{"eu-west-1": "aws", "cn-north-1": "aws-cn", "eusc-de-east-1": "aws-eusc"} {
		want := stsURL(t, "aws-global")
		if name != "aws" {
			want = stsURL(t, region)
		}
		if got := partition.GlobalSTSURL(region); got != want {
			t.Errorf("%s: the global token service is %s, want %s", region, got, want)
		}
	}
	if got, want := partition.STSURL(""), "https://sts.amazonaws.com"; got != want {
		t.Errorf("without a region the token service is %s, want %s", got, want)
	}
	if got, want := partition.S3URL(""), "https://s3.amazonaws.com"; got != want {
		t.Errorf("without a region S3 is %s, want %s", got, want)
	}
}

func TestPseudoRegionsHoldNoBucket(t *testing.T) {
	for region, want := range map[string]bool{
		"aws-global": true, "aws-cn-global": true, "aws-us-gov-global": true, "eu-west-1": false, "my-global": false, "": false,
	} {
		if got := partition.IsPseudoRegion(region); got != want {
			t.Errorf("%q: %v, want %v", region, got, want)
		}
	}
}

func TestOfHost(t *testing.T) {
	for host, want := range map[string]string{
		"s3.eu-west-1.amazonaws.com":                       "aws",
		"bucket.vpce-1a2b.s3.eu-west-1.vpce.amazonaws.com": "aws",
		"s3.dualstack.eu-west-1.amazonaws.com":             "aws",
		"s3-accelerate.amazonaws.com":                      "aws",
		"s3.cn-north-1.amazonaws.com.cn":                   "aws-cn",
		"s3.eusc-de-east-1.amazonaws.eu":                   "aws-eusc",
		"s3.us-iso-east-1.c2s.ic.gov":                      "aws-iso",
		"amazonaws.com":                                    "",
		"myamazonaws.com":                                  "",
		"s3.amazonaws.com.example.org":                     "",
		"minio.storage.svc":                                "",
		"":                                                 "",
	} {
		got := ""
		if p := partition.OfHost(host); p != nil {
			got = p.Name
		}
		if got != want {
			t.Errorf("%s: partition %q, want %q", host, got, want)
		}
	}
}

func s3URL(t *testing.T, region string) string {
	t.Helper()
	found, err := s3.NewDefaultEndpointResolverV2().ResolveEndpoint(t.Context(), s3.EndpointParameters{Region: &region}.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	return found.URI.String()
}

func stsURL(t *testing.T, region string) string {
	t.Helper()
	found, err := sts.NewDefaultEndpointResolverV2().ResolveEndpoint(t.Context(), sts.EndpointParameters{Region: &region}.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	return found.URI.String()
}
