package fuzz

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"lighterman.dev/lighterman/api/v1alpha1"
)

// Values that pods and profiles share, so that what a pod has is at times just what its profile would inject. Of each
// list the first items are good.
var (
	roles       = []string{"arn:aws:iam::111122223333:role/backup", "arn:aws:iam:::role/a/b", "backup", ""}
	endpoints   = []string{"https://minio.storage.svc:9000", "http://10.0.0.1", "minio:9000", "https://"}
	secretNames = []string{"minio", "minio.keys", "a..b", ""}
	secretKeys  = []string{"id", ".id", "secret-key_1", "..", ".", ""}
	presetNames = []v1alpha1.S3Preset{
		"", "AWS", "MinIO", "RustFS", "Garage", "SeaweedFS", "Ceph", "R2", "B2", "GCSInterop", "DigitalOcean", "Linode", "Wasabi",
		"Scaleway", "Hetzner", "OVH", "OCI", "IBM", "Alibaba", "Supabase", "Storj", "S3Proxy", "Other",
	}
	toolNames = []v1alpha1.Tool{
		"barman", "restic", "rclone", "wal-g", "pgbackrest", "kopia", "velero", "litestream", "xbcloud", "mc", "duplicity",
		"s3proxy",
	}
	environment = []string{
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_SHARED_CREDENTIALS_FILE",
		"AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_EC2_METADATA_DISABLED", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL",
		"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_STS", "AWS_STS_REGIONAL_ENDPOINTS", "AWS_REQUEST_CHECKSUM_CALCULATION",
		"AWS_RESPONSE_CHECKSUM_VALIDATION", "AWS_CA_BUNDLE", "MINIO_ROOT_USER", "LIGHTERMAN_BUCKET", "LIGHTERMAN_TOKEN_FILE",
		"LIGHTERMAN_NEW", "PGHOST", "RESTIC_REPOSITORY", "PATH", "aws_region", "with.dot",
		"AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST",
		"AZURE_KUBERNETES_TOKEN_PROXY", "AZURE_TOKEN_CREDENTIALS", "AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN", "REQUESTS_CA_BUNDLE",
		"GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCE_METADATA_HOST", "STORAGE_EMULATOR_HOST", "SSL_CERT_FILE",
	}
)

// good picks one of the first two of a list, and only sometimes of all.
func good[T any](s *source, list []T) T { return rarely(s, list[s.below(2)], list...) }

// profile makes a profile of either kind, as it is written in a manifest: fields with a default are often absent. Most
// are accepted.
func (s *source) profile() any {
	meta := metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.KindCredentialProfile}
	object := metav1.ObjectMeta{Name: "pg", Namespace: namespace, UID: "6e0c7a52-35a2-4b3e-a0ba-8a5d8e2d5a11", Generation: int64(s.below(9))}
	if s.chance(70) {
		return &v1alpha1.CredentialProfile{TypeMeta: meta, ObjectMeta: object, Spec: s.spec()}
	}
	meta.Kind, object.Namespace = v1alpha1.KindClusterCredentialProfile, ""
	return &v1alpha1.ClusterCredentialProfile{TypeMeta: meta, ObjectMeta: object, Spec: v1alpha1.ClusterCredentialProfileSpec{
		CredentialProfileSpec: s.spec(),
		AllowedNamespaces:     pick(s, nil, &metav1.LabelSelector{MatchLabels: map[string]string{"team": "pg"}}),
	}}
}

func (s *source) spec() v1alpha1.CredentialProfileSpec {
	spec := v1alpha1.CredentialProfileSpec{
		TokenExpirationSeconds: maybe(s, 30, good(s, []int64{600, 86400, 599, 86401, 0})),
		CABundle:               s.caBundle(),
		Env:                    s.literals(),
	}
	for range rarely(s, 1, 0, 2) {
		switch s.below(4) {
		case 0:
			spec.Azure = s.azure()
		case 1:
			spec.GCS = s.gcs()
		default:
			spec.S3 = s.s3()
		}
	}
	if s.chance(10) {
		spec.ServiceAccount = &v1alpha1.ServiceAccountSettings{Annotate: pick(s, "", v1alpha1.AnnotateNever, v1alpha1.AnnotateWhenRequired, v1alpha1.AnnotateAlways)}
	}
	if s.chance(30) {
		spec.Tools = some(s, 12, toolNames...)
	}
	if s.chance(8) {
		spec.ToolOptions = &v1alpha1.ToolOptions{
			Location:   good(s, []v1alpha1.ToolLocation{"", v1alpha1.ToolLocationOmit, v1alpha1.ToolLocationInject, "Leave"}),
			Pgbackrest: maybe(s, 50, v1alpha1.PgbackrestOptions{Repository: maybe(s, 80, good(s, []int32{2, 1, 256, 0}))}),
		}
	}
	if s.chance(20) {
		spec.Uploader = s.uploader()
	}
	if s.chance(5) {
		spec.Selector = &v1alpha1.PodSelector{ServiceAccounts: some(s, 90, "backup")}
	}
	spec.AllowedServiceAccounts = some(s, 10, "backup", "default")
	return spec
}

// prefixes are those of the stores. The first two are the usual ones.
var prefixes = []string{
	"", "{serviceAccount}/{workload}/{pod}", "a/b $PATH \"é\"", "{namespace}/a$/{pod}", "/a", "a/$(PATH)", "{cluster}", "${pod}", "{pod",
}

func (s *source) s3() *v1alpha1.S3Store {
	store := &v1alpha1.S3Store{
		Bucket:   good(s, []string{"pg-backups", "abc", "-", ""}),
		Prefix:   good(s, prefixes),
		Region:   good(s, []string{"eu-west-1", "us-ord", "", "a b"}),
		Endpoint: pick(s, "", good(s, endpoints)),
		Preset:   pick(s, presetNames...), ForcePathStyle: maybe(s, 20, s.chance(50)),
		Checksums: pick(s, "", "", "", v1alpha1.ChecksumsWhenRequired, v1alpha1.ChecksumsWhenSupported),
	}
	if store.Endpoint == endpoints[1] { // A bucket cannot be put before an IP address.
		store.ForcePathStyle = rarely(s, new(true), nil, new(false))
	}
	store.Preset = rarely(s, store.Preset, "Floppy")
	if (store.Preset == "" || store.Preset == v1alpha1.PresetAWS) && s.chance(95) { // Other hosts need another preset.
		store.Endpoint = pick(s, "", "", "", "https://bucket.vpce-1a2b.s3.eu-west-1.vpce.amazonaws.com")
	}
	if store.Endpoint == "http://10.0.0.1" && s.chance(95) {
		store.ForcePathStyle = new(true)
	}
	if s.chance(10) {
		store.Bucket, store.BucketFrom = rarely(s, "", "abc"), s.bucketSource()
	}
	if store.Endpoint == "" && s.chance(90) && slices.Contains([]v1alpha1.S3Preset{"MinIO", "RustFS", "Garage", "SeaweedFS", "Ceph", "R2", "Linode", "OCI", "Supabase", "S3Proxy", "Other"}, store.Preset) {
		store.Endpoint = endpoints[0]
	}
	for range rarely(s, 1, 0, 2) {
		s.auth(&store.Auth)
	}
	usesAmazonSTS := slices.Contains([]v1alpha1.S3Preset{"", v1alpha1.PresetAWS, "S3Proxy", "Other"}, store.Preset)
	if web := store.Auth.WebIdentity; web != nil && !usesAmazonSTS && s.chance(95) {
		web.STSEndpoint = endpoints[0]
	}
	return store
}

func (s *source) auth(auth *v1alpha1.S3Auth) {
	switch s.below(5) {
	case 0:
		auth.WebIdentity = &v1alpha1.S3WebIdentity{
			RoleARN: good(s, roles), Audience: pick(s, "", "sts.amazonaws.com", "minio"),
			STSEndpoint: pick(s, "", "", endpoints[0]), RegionalSTS: maybe(s, 40, s.chance(50)),
		}
		if s.chance(40) {
			auth.WebIdentity.AssumeRole = &v1alpha1.S3AssumeRole{
				RoleARN: auth.WebIdentity.RoleARN + "-second", ExternalID: pick(s, "", "acme/1"), SessionName: pick(s, "", "payments"),
			}
		}
	case 1:
		auth.PodIdentity = &v1alpha1.S3PodIdentity{}
	case 2:
		auth.AccessKey = &v1alpha1.S3AccessKey{AccessKeyID: s.keyRef(), SecretAccessKey: s.keyRef(), SessionToken: maybe(s, 40, s.keyRef())}
	case 3:
		ref := s.keyRef()
		auth.CredentialsFile = &ref
	case 4:
		auth.Ambient = &v1alpha1.Ambient{}
	}
}

func (s *source) keyRef() v1alpha1.KeyRef {
	return v1alpha1.KeyRef{Name: good(s, secretNames), Key: good(s, secretKeys)}
}

func (s *source) caBundle() *v1alpha1.CABundle {
	if !s.chance(60) {
		return nil
	}
	ref := &v1alpha1.CAKeyRef{Name: good(s, secretNames), Key: rarely(s, pick(s, "", "ca.crt", "bundle.pem"), "..")}
	bundle := &v1alpha1.CABundle{Mode: pick(s, "", v1alpha1.CABundleReplace, v1alpha1.CABundleAppend, v1alpha1.CABundleAppend)}
	switch s.below(40) {
	case 0: // No source.
	case 1:
		bundle.ClusterTrustBundle = &v1alpha1.ClusterTrustBundleRef{Name: "roots"}
	case 2:
		bundle.ConfigMap, bundle.Secret = ref, ref
	default:
		if s.chance(50) {
			bundle.ConfigMap = ref
		} else {
			bundle.Secret = ref
		}
	}
	return bundle
}

// literals are spec.env: mostly harmless names, at times one of ours or one twice.
func (s *source) literals() []v1alpha1.EnvVar {
	var env []v1alpha1.EnvVar
	for _, name := range some(s, 25, "PGHOST", "RESTIC_REPOSITORY") {
		name = rarely(s, name, "PGHOST", "AWS_PROFILE", "LIGHTERMAN_X", "A=B", "")
		env = append(env, v1alpha1.EnvVar{Name: name, Value: pick(s, "own", "s3:$(LIGHTERMAN_ENDPOINT)/$(LIGHTERMAN_BUCKET)")})
	}
	return env
}
