package injector

import (
	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// s3Mode is an auth mode of S3 as data.
type s3Mode struct {
	// name is the mode's field in the API.
	name string
	// set reports whether a profile uses the mode.
	set func(*v1alpha1.S3Auth) bool
	// audience is that of the projected token; nil: the mode needs no token.
	audience func(*v1alpha1.S3Auth) string
	// file is the Secret's key that is projected as the shared-credentials file; nil: none.
	file func(*v1alpha1.S3Auth) *v1alpha1.KeyRef
	// env is the identity's environment. Paths are those of the token and the credentials file in the container.
	env func(a *v1alpha1.S3Auth, tokenPath, filePath string) []variable
	// inherits: the pod keeps the identity of its node, so the way to it stays open.
	inherits bool
}

// s3Modes has a row for each auth mode of the API. Environment names and precedence: botocore 1.43, aws-sdk-go-v2
// config v1.33.15 (env_config.go, resolve_credentials.go), aws-sdk-go v1.55.8.
var s3Modes = []s3Mode{
	{
		// The pair that the SDKs call assume-role-with-web-identity; github.com/aws/amazon-eks-pod-identity-webhook v0.6.17
		// sets the same.
		name:     "webIdentity",
		set:      func(a *v1alpha1.S3Auth) bool { return a.WebIdentity != nil },
		audience: func(a *v1alpha1.S3Auth) string { return or(a.WebIdentity.Audience, "sts.amazonaws.com") },
		env: func(a *v1alpha1.S3Auth, tokenPath, _ string) []variable {
			vars := []variable{
				literal("AWS_ROLE_ARN", a.WebIdentity.RoleARN, groupIdentity),
				literal("AWS_WEB_IDENTITY_TOKEN_FILE", tokenPath, groupIdentity),
			}
			switch {
			case a.WebIdentity.STSEndpoint != "":
				// Never AWS_ENDPOINT_URL: botocore would send S3 requests there too.
				vars = append(vars, literal("AWS_ENDPOINT_URL_STS", a.WebIdentity.STSEndpoint, groupSTS, groupIdentity))
			case a.WebIdentity.RegionalSTS == nil || *a.WebIdentity.RegionalSTS:
				vars = append(vars, literal("AWS_STS_REGIONAL_ENDPOINTS", "regional", groupSTS, groupIdentity))
			}
			return vars
		},
	},
	{
		// The agent's fixed link-local address and audience: docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html
		// and amazon-eks-pod-identity-webhook v0.6.17 main.go. botocore ≥ 1.32.0, aws-sdk-go-v2, aws-sdk-go v1.55.8.
		name:     "podIdentity",
		set:      func(a *v1alpha1.S3Auth) bool { return a.PodIdentity != nil },
		audience: func(*v1alpha1.S3Auth) string { return "pods.eks.amazonaws.com" },
		env: func(_ *v1alpha1.S3Auth, tokenPath, _ string) []variable {
			return []variable{
				literal("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials", groupIdentity),
				literal("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", tokenPath, groupIdentity),
			}
		},
	},
	{
		name: "accessKey",
		set:  func(a *v1alpha1.S3Auth) bool { return a.AccessKey != nil },
		env: func(a *v1alpha1.S3Auth, _, _ string) []variable {
			vars := []variable{
				secret("AWS_ACCESS_KEY_ID", &a.AccessKey.AccessKeyID, groupIdentity),
				secret("AWS_SECRET_ACCESS_KEY", &a.AccessKey.SecretAccessKey, groupIdentity),
			}
			if a.AccessKey.SessionToken != nil {
				vars = append(vars, secret("AWS_SESSION_TOKEN", a.AccessKey.SessionToken, groupIdentity))
			}
			return vars
		},
	},
	{
		name: "credentialsFile",
		set:  func(a *v1alpha1.S3Auth) bool { return a.CredentialsFile != nil },
		file: func(a *v1alpha1.S3Auth) *v1alpha1.KeyRef { return a.CredentialsFile },
		env: func(_ *v1alpha1.S3Auth, _, filePath string) []variable {
			return []variable{literal("AWS_SHARED_CREDENTIALS_FILE", filePath, groupIdentity)}
		},
	},
	{
		name:     "ambient",
		set:      func(a *v1alpha1.S3Auth) bool { return a.Ambient != nil },
		env:      func(*v1alpha1.S3Auth, string, string) []variable { return nil },
		inherits: true,
	},
}

func modeOf(a *v1alpha1.S3Auth) *s3Mode {
	for i := range s3Modes {
		if s3Modes[i].set(a) {
			return &s3Modes[i]
		}
	}
	return nil
}

// s3Env is the environment of an S3 profile, in the order in which it is injected: neutral variables, then those of
// the AWS SDKs and the CLI ("sdk", the dialect that every container gets).
func s3Env(s3 *v1alpha1.S3Store, f files) []variable {
	mode, where := modeOf(&s3.Auth), locate(s3, presetOf(s3))
	vars := make([]variable, 0, 24)
	add := func(name, value string, groups ...group) {
		if value != "" { // Some tools take an empty variable for a setting.
			vars = append(vars, literal(name, value, groups...))
		}
	}
	add("LIGHTERMAN_PROVIDER", "s3")
	add("LIGHTERMAN_BUCKET", s3.Bucket)
	add("LIGHTERMAN_PREFIX", s3.Prefix)
	add("LIGHTERMAN_ENDPOINT", where.endpoint)
	add("LIGHTERMAN_REGION", where.region)
	if where.pathStyle {
		add("LIGHTERMAN_FORCE_PATH_STYLE", "true")
	}
	add("LIGHTERMAN_CA_FILE", f.ca)
	add("LIGHTERMAN_TOKEN_FILE", f.token, groupIdentity)

	// Both: botocore reads only the second, aws-sdk-go v1 and minio-go's token service only the first.
	add("AWS_REGION", where.region, groupRegion)
	add("AWS_DEFAULT_REGION", where.region, groupRegion)
	add("AWS_ENDPOINT_URL_S3", where.endpoint, groupEndpoint)
	if value := checksumValues[where.checksums]; value != "" {
		add("AWS_REQUEST_CHECKSUM_CALCULATION", value, groupChecksums)
		add("AWS_RESPONSE_CHECKSUM_VALIDATION", value, groupChecksums)
	}
	add("AWS_CA_BUNDLE", f.ca, groupCA)
	vars = append(vars, mode.env(&s3.Auth, f.token, f.credentials)...)
	if !mode.inherits {
		// Should the identity fail, the SDKs must not fall back to the role of the node.
		add("AWS_EC2_METADATA_DISABLED", "true", groupMetadata, groupIdentity)
	}
	return vars
}

// checksumValues are the SDKs' words for the API's; absent: the SDK's default.
var checksumValues = map[v1alpha1.ChecksumMode]string{
	v1alpha1.ChecksumsWhenSupported: "when_supported",
	v1alpha1.ChecksumsWhenRequired:  "when_required",
}

func secret(name string, ref *v1alpha1.KeyRef, groups ...group) variable {
	return variable{groups: maskOf(groups), EnvVar: corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{
		SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: ref.Name},
			Key:                  ref.Key,
		},
	}}}
}

func literal(name, value string, groups ...group) variable {
	return variable{groups: maskOf(groups), EnvVar: corev1.EnvVar{Name: name, Value: value}}
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
