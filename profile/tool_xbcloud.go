package profile

// xbcloudKeys is why xbcloud takes no other identity.
const xbcloudKeys = "knows access keys and the role of the node only" + useAccessKey

// xbcloud (percona-xtrabackup 136819f0): xbcloud.cc. S3_* come before AWS_*.
var xbcloud = dialect{
	name: "xbcloud", version: "136819f0",
	proxy: "libcurl, which takes HTTP_PROXY in lower case alone (xbcloud/http.cc sets no proxy of its own)",
	s3: allSupported(&s3Store, cell{}, func(e *Environment) {
		e.addVar("S3_ENDPOINT", e.amazonEndpoint(isUnderPublicDomain), groupEndpoint) // Its own is s3.<region>.amazonaws.com (s3.h).
		e.needsCABundle()
	}).override(map[string]cell{
		"webIdentity":     unsupported(xbcloudKeys),
		"podIdentity":     unsupported(xbcloudKeys),
		"credentialsFile": unsupported(xbcloudKeys),
		"ambient":         supported("the role of the node, and not one that EKS's webhooks gave the pod"), // s3_ec2.cc
		// The path would become a part of the header Host (s3.h set_endpoint).
	}).rejectIf(basePath("takes a path in spec.s3.endpoint for a part of the host" + useOtherForPath)),
	azure: noneSupported(&azureStore, azureKeysOnly).override(map[string]cell{
		"accountKey": withEnv(func(e *Environment) {
			e.addVar("AZURE_CONTAINER_NAME", e.bucket(), 0)
			e.addSecret("AZURE_ACCESS_KEY", e.Spec.Azure.Auth.AccountKey, keyOf)
			if e.Spec.Azure.Endpoint != "" || !e.cloud.isPublic() {
				e.addVar("AZURE_ENDPOINT", e.azureEndpoint(), groupAzureEndpoint)
			}
		}),
	}),
	gcs:    noneSupported(&gcsStore, "knows HMAC keys only"+useGCSInterop),
	places: []string{"AZURE_CONTAINER_NAME"},
	// The plain names come last (xbcloud.cc get_env_args), and are the ones that Percona's operator sets: the scripts of its images
	// configure the AWS CLI from them (percona-xtradb-cluster-operator b3b0b10a build/backup/lib/pxc/aws.sh, pkg/pxc/backup/job.go).
	groups: map[string]Group{
		"S3_ENDPOINT":          groupEndpoint,
		"AWS_ENDPOINT":         groupEndpoint,
		"ENDPOINT":             groupEndpoint,
		"S3_ACCESS_KEY_ID":     groupIdentity,
		"S3_SECRET_ACCESS_KEY": groupIdentity,
		"S3_SESSION_TOKEN":     groupIdentity,
		"ACCESS_KEY_ID":        groupIdentity,
		"SECRET_ACCESS_KEY":    groupIdentity,
		"SESSION_TOKEN":        groupIdentity,
		"S3_DEFAULT_REGION":    groupRegion,
		"DEFAULT_REGION":       groupRegion,
		"S3_CA_BUNDLE":         groupCA,
		"OS_CACERT":            groupCA,
		"AZURE_ENDPOINT":       groupAzureEndpoint,
	},
	endpoints: map[string]leadsElsewhere{
		"S3_ENDPOINT": s3Elsewhere, "AWS_ENDPOINT": s3Elsewhere, "ENDPOINT": s3Elsewhere, "AZURE_ENDPOINT": azureElsewhere,
	},
	identities: []Identity{
		whole(anyOf("S3_ACCESS_KEY_ID", "ACCESS_KEY_ID"), anyOf("S3_SECRET_ACCESS_KEY", "SECRET_ACCESS_KEY")).
			and("S3_SESSION_TOKEN", "SESSION_TOKEN"),
	},
	// The first that is set counts, and an empty one is set.
	rivals: []Rival{
		{Name: "S3_ACCESS_KEY_ID", before: []string{"accessKey"}, Shut: "$(AWS_ACCESS_KEY_ID)"},
		{Name: "S3_SECRET_ACCESS_KEY", before: []string{"accessKey"}, Shut: "$(AWS_SECRET_ACCESS_KEY)"},
	},
}
