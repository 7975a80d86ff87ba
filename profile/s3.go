package profile

import (
	"cmp"

	"lighterman.dev/lighterman/api/v1alpha1"
)

var s3Store = Store{
	Name:         "s3",
	scheme:       "s3",
	isSet:        func(s *v1alpha1.CredentialProfileSpec) bool { return s.S3 != nil },
	Location:     func(s *v1alpha1.CredentialProfileSpec) (string, string) { return s.S3.Bucket, s.S3.Prefix },
	bucketSource: func(s *v1alpha1.CredentialProfileSpec) *v1alpha1.BucketSource { return s.S3.BucketFrom },
	modes:        s3Modes,
	groups: groupIdentity | groupMetadata | groupRegion | groupEndpoint | groupSTS | groupRegionalSTS |
		groupChecksums | groupCA,
	IdentityGroup: groupIdentity,
	identities:    s3Identities,
	rivals:        s3Rivals,
	endpoints: map[string]leadsElsewhere{
		"AWS_ENDPOINT_URL": s3Elsewhere, "AWS_ENDPOINT_URL_S3": s3Elsewhere,
		"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": ignoresEndpoint, "AWS_ENDPOINT_URL_STS": stsElsewhere,
	},
	BlocksNodeIdentity: true,
	CloudWebhooks:      s3CloudWebhooks,
	check:              checkS3,
	env:                s3Env,
	configureUploader:  configureS3Uploader,
}

// s3Modes has a row for each auth mode of the API. Environment names and precedence: botocore 1.43, aws-sdk-go-v2
// config v1.33.15 (env_config.go, resolve_credentials.go), aws-sdk-go v1.55.8.
var s3Modes = []Mode{
	{
		// The pair that the SDKs call assume-role-with-web-identity; github.com/aws/amazon-eks-pod-identity-webhook v0.6.17
		// sets the same.
		Name:  "webIdentity",
		Rank:  rankWebIdentity,
		isSet: func(s *v1alpha1.CredentialProfileSpec) bool { return s.S3.Auth.WebIdentity != nil },
		check: func(p *problems, s *v1alpha1.CredentialProfileSpec) {
			p.checkRoleARN("spec.s3.auth.webIdentity.roleARN", s.S3.Auth.WebIdentity.RoleARN, s.S3)
			p.checkTokenURL("spec.s3.auth.webIdentity.stsEndpoint", s.S3.Auth.WebIdentity.STSEndpoint)
			p.checkAssumedRole(s)
		},
		Audience: func(s *v1alpha1.CredentialProfileSpec) string {
			return cmp.Or(s.S3.Auth.WebIdentity.Audience, "sts.amazonaws.com")
		},
		// The SDKs take AWS_CA_BUNDLE for the store and for the token service.
		TokenService: func(s *v1alpha1.CredentialProfileSpec) (string, string) {
			if s.S3.Auth.WebIdentity.STSEndpoint != "" {
				return "", ""
			}
			return "the AWS token service", "set caBundle.mode: Append, or webIdentity.stsEndpoint"
		},
		annotations: func(s *v1alpha1.CredentialProfileSpec) []Annotation {
			return []Annotation{{Key: annotationRoleARN, Value: s.S3.Auth.WebIdentity.RoleARN}}
		},
		configFile:      &chainConfig,
		FileName:        awsConfigFile,
		addUploaderAuth: addWebIdentityAuth,
		env: func(e *Environment) {
			web := e.Spec.S3.Auth.WebIdentity
			addRoles(e)
			switch {
			case web.STSEndpoint != "":
				// Never AWS_ENDPOINT_URL: botocore would send S3 requests there too.
				e.addVar("AWS_ENDPOINT_URL_STS", web.STSEndpoint, groupSTS|groupIdentity)
			case web.RegionalSTS == nil || *web.RegionalSTS:
				e.addVar("AWS_STS_REGIONAL_ENDPOINTS", "regional", groupRegionalSTS|groupIdentity)
			}
		},
	},
	{
		// The agent's fixed link-local address and audience: docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html
		// and amazon-eks-pod-identity-webhook v0.6.17 main.go. botocore ≥ 1.32.0, aws-sdk-go-v2, aws-sdk-go v1.55.8.
		Name:      "podIdentity",
		Rank:      rankContainer,
		isSet:     func(s *v1alpha1.CredentialProfileSpec) bool { return s.S3.Auth.PodIdentity != nil },
		Audience:  func(*v1alpha1.CredentialProfileSpec) string { return "pods.eks.amazonaws.com" },
		LinkLocal: eksAgent,
		env: func(e *Environment) {
			e.addVar("AWS_CONTAINER_CREDENTIALS_FULL_URI", podIdentityURL, groupIdentity)
			e.addVar("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", e.Files.Token, groupIdentity)
		},
	},
	{
		Name:  "accessKey",
		Rank:  rankKeys,
		isSet: func(s *v1alpha1.CredentialProfileSpec) bool { return s.S3.Auth.AccessKey != nil },
		check: func(p *problems, s *v1alpha1.CredentialProfileSpec) {
			key := s.S3.Auth.AccessKey
			p.checkKeyRef("spec.s3.auth.accessKey.accessKeyID", &key.AccessKeyID)
			p.checkKeyRef("spec.s3.auth.accessKey.secretAccessKey", &key.SecretAccessKey)
			if key.SessionToken != nil {
				p.checkKeyRef("spec.s3.auth.accessKey.sessionToken", key.SessionToken)
			}
		},
		env: func(e *Environment) {
			key := e.Spec.S3.Auth.AccessKey
			e.addSecret("AWS_ACCESS_KEY_ID", &key.AccessKeyID, groupIdentity)
			e.addSecret("AWS_SECRET_ACCESS_KEY", &key.SecretAccessKey, groupIdentity)
			e.addSecret("AWS_SESSION_TOKEN", key.SessionToken, groupIdentity)
		},
	},
	{
		Name:  "credentialsFile",
		Rank:  rankFile,
		isSet: func(s *v1alpha1.CredentialProfileSpec) bool { return s.S3.Auth.CredentialsFile != nil },
		check: func(p *problems, s *v1alpha1.CredentialProfileSpec) {
			p.checkKeyRef("spec.s3.auth.credentialsFile", s.S3.Auth.CredentialsFile)
		},
		File:     func(s *v1alpha1.CredentialProfileSpec) *v1alpha1.KeyRef { return s.S3.Auth.CredentialsFile },
		FileName: awsCredentialsFile,
		env: func(e *Environment) {
			e.addVar("AWS_SHARED_CREDENTIALS_FILE", e.Files.Credentials, groupIdentity)
		},
	},
	{
		Name:                 "ambient",
		isSet:                func(s *v1alpha1.CredentialProfileSpec) bool { return s.S3.Auth.Ambient != nil },
		LinkLocal:            awsMetadata,
		KeepsAmbientIdentity: true,
	},
}

// podIdentityURL is that of the EKS Pod Identity agent of the pod's node.
const podIdentityURL = "http://169.254.170.23/v1/credentials"

// s3Env is the environment of the AWS SDKs and the CLI.
func s3Env(e *Environment) {
	where := e.location
	e.addVar("LIGHTERMAN_PROVIDER", "s3", 0)
	e.addBucket()
	e.addVar("LIGHTERMAN_PREFIX", e.Prefix(), 0)
	e.addVar("LIGHTERMAN_ENDPOINT", where.endpoint, 0)
	e.addVar("LIGHTERMAN_REGION", where.region, 0)
	if where.pathStyle {
		e.addVar("LIGHTERMAN_FORCE_PATH_STYLE", "true", 0)
	}
	e.addCAFiles()
	e.addVar("LIGHTERMAN_TOKEN_FILE", e.Files.Token, groupIdentity)

	// Both: botocore reads only the second, aws-sdk-go v1 and minio-go's token service only the first.
	e.addVar("AWS_REGION", where.region, groupRegion)
	e.addVar("AWS_DEFAULT_REGION", where.region, groupRegion)
	e.addVar("AWS_ENDPOINT_URL_S3", where.endpoint, groupEndpoint)
	e.addVar("AWS_REQUEST_CHECKSUM_CALCULATION", checksumValues[where.checksums], groupChecksums)
	e.addVar("AWS_RESPONSE_CHECKSUM_VALIDATION", checksumValues[where.checksums], groupChecksums)
	e.addVar("AWS_CA_BUNDLE", e.Files.CA, groupCA)
	e.addIdentity()
	if !e.Mode.KeepsAmbientIdentity {
		// Should an identity fail, the profile's or the container's own, the SDKs must not fall back to the role of the node.
		e.addVar("AWS_EC2_METADATA_DISABLED", "true", groupMetadata)
	}
}

// checksumValues are the SDKs' words for the API's; absent: the SDK's default.
var checksumValues = map[v1alpha1.ChecksumMode]string{
	v1alpha1.ChecksumsWhenSupported: "when_supported",
	v1alpha1.ChecksumsWhenRequired:  "when_required",
}

func checkS3(p *problems, r *Resolved) {
	s3, preset, where := r.Spec.S3, r.preset, &r.location
	p.checkBucket("s3", "bucket", s3.Bucket, s3.BucketFrom)
	p.checkS3Name(r)
	if preset == nil {
		p.addInvalid("spec.s3.preset", "%q is not a preset: use Other, and set endpoint", s3.Preset)
		return
	}
	checkOneOf(p, "spec.s3.checksums", s3.Checksums, v1alpha1.ChecksumsWhenSupported, v1alpha1.ChecksumsWhenRequired)
	aws := preset.name == v1alpha1.PresetAWS
	// The SDKs ask the instance metadata for the region where they ask it for the identity.
	mayLackRegion := aws && (where.endpoint != "" || s3.Auth.Ambient != nil)
	switch {
	case where.region == "" && !mayLackRegion:
		p.addInvalid("spec.s3.region", "is required for preset %s, for example eu-west-1", preset.name)
	case where.endpoint == "" && !aws:
		p.addInvalid("spec.s3.endpoint", "is required for preset %s, for example %s", preset.name,
			cmp.Or(preset.example, "https://minio.storage.svc:9000"))
	}
	if preset.hostStyleOnly && where.pathStyle {
		p.addInvalid("spec.s3.forcePathStyle", "must not be true for preset %s, which takes the bucket in the host name only: leave it out", preset.name)
	}
	if web := s3.Auth.WebIdentity; web != nil && web.STSEndpoint == "" && !preset.usesAmazonSTS {
		p.addInvalid("spec.s3.auth.webIdentity.stsEndpoint",
			"is required for preset %s: Amazon's token service knows no role of another store; set the store's own, or use accessKey", preset.name)
	}
	p.checkS3Endpoint(r)
	p.checkAmazon(r)
}
