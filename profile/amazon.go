package profile

import (
	"fmt"
	"slices"
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/internal/partition"
)

// This file holds what depends on Amazon's partitions: hosts, and what tools know of them.

// isAmazon reports whether the store is Amazon's own S3.
func (r *Resolved) isAmazon() bool { return r.preset != nil && r.preset.name == v1alpha1.PresetAWS }

// s3URL returns the store's URL for tools that have no default of their own: Amazon's is that of the region.
func (r *Resolved) s3URL() string {
	if r.location.endpoint != "" {
		return r.location.endpoint
	}
	return partition.S3URL(r.location.region)
}

// stsURL returns the URL of the token service for tools that have no default of their own.
func (r *Resolved) stsURL() string {
	web, region := r.Spec.S3.Auth.WebIdentity, r.location.region
	switch {
	case web.STSEndpoint != "":
		return web.STSEndpoint
	case web.RegionalSTS != nil && !*web.RegionalSTS:
		return partition.GlobalSTSURL(region)
	}
	return partition.STSURL(region)
}

// checkAmazon finds what contradicts the partition of the region.
func (p *problems) checkAmazon(r *Resolved) {
	if !r.isAmazon() || r.location.region == "" {
		return
	}
	region := r.location.region
	if partition.IsPseudoRegion(region) {
		p.addInvalid("spec.s3.region", "%s is not the region of any bucket: write the bucket's, for example eu-west-1", region)
	}
	if web := r.Spec.S3.Auth.WebIdentity; web != nil && web.STSEndpoint == "" {
		p.checkARN("spec.s3.auth.webIdentity.roleARN", web.RoleARN, region)
	}
}

// checkARN refuses an ARN of another partition than that of the region: nothing of one is valid in another.
func (p *problems) checkARN(field, arn, region string) {
	where, isKnown := partition.Of(region)
	parts := strings.SplitN(arn, ":", 3)
	if isKnown && len(parts) == 3 && parts[0] == "arn" && parts[1] != where.Name {
		p.addInvalid(field, "is in partition %s, and region %s is in partition %s, where it is not valid: name an ARN that begins with arn:%s:",
			parts[1], region, where.Name, where.Name)
	}
}

// warnAmazon returns what is assumed of the region.
func (r *Resolved) warnAmazon() string {
	region := r.location.region
	if _, isKnown := partition.Of(region); isKnown || region == "" || r.location.endpoint != "" || !r.isAmazon() {
		return ""
	}
	return fmt.Sprintf("spec.s3.region: %s is in no partition of Amazon's that this version knows, so its hosts are taken to be those of the public one, as %s: where they are others, set spec.s3.endpoint and webIdentity.stsEndpoint",
		region, strings.TrimPrefix(partition.S3URL(region), "https://"))
}

// awsLibrary is what a library that tools are built on knows of Amazon's partitions by itself.
type awsLibrary struct {
	// name is for sentences, version the one that was read.
	name, version string
	// partitions are those whose hosts it finds.
	partitions []string
}

// minioGo asks the token service at sts.<region>.amazonaws.com, and for cn- at amazonaws.com.cn; the same in 7.0.88
// (pkg/credentials/iam_aws.go). It takes the store's host as it is given, except those under amazonaws.com.
var minioGo = awsLibrary{"minio-go", "7.4.1", []string{"aws", "aws-cn", "aws-us-gov"}}

// awsSDKv1 has a table of partitions, and takes a region that is in none for one of the public partition
// (aws/endpoints/defaults.go, endpoints.go EndpointFor). It is not maintained any more.
var awsSDKv1 = awsLibrary{"aws-sdk-go", "1.55.8", []string{
	"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f",
}}

// sovereignAndISO are the partitions that minioGo does not know, for notes.
const sovereignAndISO = "the European Sovereign Cloud and the ISO partitions"

// knows reports whether the library finds the hosts of a region.
func (l *awsLibrary) knows(region string) bool {
	where, isKnown := partition.Of(region)
	return !isKnown || slices.Contains(l.partitions, where.Name)
}

// refuseSTS refuses the token service of a partition that the library does not know.
func (l *awsLibrary) refuseSTS(r *Resolved) string {
	region := r.location.region
	if r.Spec.S3.Auth.WebIdentity.STSEndpoint != "" || l.knows(region) {
		return ""
	}
	where, _ := partition.Of(region)
	return fmt.Sprintf("its S3 library (%s, up to %s) does not know partition %s and would ask a token service under %s, not %s%s",
		l.name, l.version, where.Name, partition.Public().DNSSuffix, r.stsURL(), useAccessKey)
}

// newRegions are those that the minio-go of a tool does not know: it puts the host of us-east-1 in place of one under amazonaws.com
// (makeTargetURL and getS3Endpoint of 7.2.1, in restic 0.19.1 and kopia 0.23.1, and of 7.0.88, in mc cf909e10).
var newRegions = map[v1alpha1.Tool][]string{
	"restic": {"me-west-1", "sa-west-1"},
	"kopia":  {"me-west-1", "sa-west-1"},
	"mc": {
		"ap-east-2", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "me-west-1", "mx-central-1", "sa-west-1",
	},
}

// warnNewRegion returns the tools that may be too old for the region.
func (r *Resolved) warnNewRegion() string {
	if !r.isAmazon() {
		return ""
	}
	for _, tool := range r.Tools {
		if slices.Contains(newRegions[tool], r.location.region) {
			return fmt.Sprintf("spec.s3.region: %s is newer than the S3 library (minio-go) of %s in the version that Lighterman knows, which asks us-east-1 in its place: check that yours knows it",
				r.location.region, tool)
		}
	}
	return ""
}

// amazonEndpoint returns the store's URL for a tool that knows Amazon's hosts under one domain, or in some partitions, only; empty
// where it finds them by itself.
func (e *Environment) amazonEndpoint(knows func(region string) bool) string {
	if e.location.endpoint == "" && e.location.region != "" && !knows(e.location.region) {
		return e.s3URL()
	}
	return e.location.endpoint
}

// isUnderPublicDomain reports whether a region's hosts are under the domain that the simplest of tools spell.
func isUnderPublicDomain(region string) bool {
	where, _ := partition.Of(region)
	return where.DNSSuffix == partition.Public().DNSSuffix
}
