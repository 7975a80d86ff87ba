package profile

import (
	"testing"

	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// TestLeadsElsewhere holds what a container's variable says of the host that is asked against the profile's store.
func TestLeadsElsewhere(t *testing.T) {
	t.Parallel()
	const (
		amazon   = "s3: {bucket: b, region: eu-west-1, auth: {ambient: {}}}\n"
		china    = "s3: {bucket: b, region: cn-north-1, auth: {ambient: {}}}\n"
		minio    = "s3: {bucket: b, preset: MinIO, endpoint: 'https://minio.storage.svc:9000', auth: {ambient: {}}}\n"
		ipv6     = "s3: {bucket: b, preset: MinIO, endpoint: 'https://[fd00::1]:9000', auth: {ambient: {}}}\n"
		role     = "s3: {bucket: b, region: eu-west-1, auth: {webIdentity: {roleARN: 'arn:aws:iam::111122223333:role/b'}}}\n"
		ownSTS   = "s3: {bucket: b, preset: Ceph, endpoint: 'https://c', auth: {webIdentity: {roleARN: 'arn:aws:iam::111122223333:role/b', stsEndpoint: 'https://sts.storage.svc'}}}\n"
		account  = "azure: {storageAccount: backups, container: c, auth: {default: {}}}\n"
		secret   = "azure: {storageAccountFrom: {name: s, key: k}, container: c, auth: {default: {}}}\n"
		azurite  = "azure: {storageAccount: backups, container: c, endpoint: 'https://azurite.storage.svc:10000/backups', auth: {default: {}}}\n"
		google   = "gcs: {bucket: b, auth: {ambient: {}}}\n"
		emulator = "gcs: {bucket: b, endpoint: 'https://gcs.storage.svc', auth: {ambient: {}}}\n"
	)
	for _, c := range []struct {
		spec, tools, name, value string
		want                     bool
	}{
		{amazon, "", "AWS_ENDPOINT_URL_S3", "https://s3.eu-west-1.amazonaws.com", false},
		{amazon, "", "AWS_ENDPOINT_URL_S3", "https://bucket.vpce-1a2b.s3.eu-west-1.vpce.amazonaws.com/", false},
		{amazon, "", "AWS_ENDPOINT_URL", "HTTPS://S3.AMAZONAWS.COM.", false},
		{amazon, "", "AWS_ENDPOINT_URL", "https://s3.amazonaws.com.evil.example", true},
		{amazon, "", "AWS_ENDPOINT_URL", "https://s3.amazonaws.com@evil.example/", true},
		{amazon, "", "AWS_ENDPOINT_URL", "https://evil.example?s3.amazonaws.com", true},
		{amazon, "", "AWS_ENDPOINT_URL", "https://evilamazonaws.com", true},
		{amazon, "", "AWS_ENDPOINT_URL_S3", "https://s3.cn-north-1.amazonaws.com.cn", true},
		{china, "", "AWS_ENDPOINT_URL_S3", "https://s3.cn-north-1.amazonaws.com.cn", false},
		{china, "", "AWS_ENDPOINT_URL_S3", "https://s3.amazonaws.com", true},
		{role, "", "AWS_ENDPOINT_URL_STS", "https://vpce-1a2b.sts.eu-west-1.vpce.amazonaws.com", false},
		{role, "", "AWS_ENDPOINT_URL_STS", "https://sts.example.com", true},
		{amazon, "", "AWS_ENDPOINT_URL_STS", "https://sts.example.com", false}, // There is no token.
		{ownSTS, "", "AWS_ENDPOINT_URL_STS", "https://sts.storage.svc.cluster.local", false},
		{ownSTS, "", "AWS_ENDPOINT_URL_STS", "https://sts.amazonaws.com", true},
		{role, "pgbackrest", "PGBACKREST_REPO1_S3_STS_HOST", "sts.example.com", true},
		{amazon, "", "AWS_ENDPOINT_URL_S3", "$(ENDPOINT)", false},
		{amazon, "", "AWS_ENDPOINT", "https://other", false}, // No tool reads it.
		{amazon, "wal-g", "AWS_ENDPOINT", "other:9000", true},
		{amazon, "", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", false},
		{minio, "", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "True", true},
		{minio, "", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false", false},
		{minio, "", "AWS_ENDPOINT_URL_S3", "http://minio.storage:9001", false},
		{minio, "", "AWS_ENDPOINT_URL_S3", "http://b.minio.storage.svc.cluster.local", false},
		{minio, "", "AWS_ENDPOINT_URL_S3", "http://minio.other.svc:9000", true},
		{minio, "", "AWS_ENDPOINT_URL_S3", "https://s3.amazonaws.com", true},
		{ipv6, "", "AWS_ENDPOINT_URL_S3", "http://[FD00::1]", false},
		{ipv6, "", "AWS_ENDPOINT_URL_S3", "http://[fd00::2]:9000", true},
		{minio, "restic", "RESTIC_REPOSITORY", "s3:http://minio.storage.svc:9000/b/x", false},
		{minio, "restic", "RESTIC_REPOSITORY", "s3:minio.storage.svc:9000/b/x", false},
		{minio, "restic", "RESTIC_REPOSITORY", "s3://minio.storage.svc:9000/b/x", false},
		{minio, "restic", "RESTIC_REPOSITORY", "s3:other.example/b", true},
		{minio, "restic", "RESTIC_REPOSITORY", "rest:https://other.example/", false},
		{minio, "restic", "RESTIC_REPOSITORY", "/backup", false},
		{minio, "restic", "RESTIC_REPOSITORY", "azure:c:/", false},
		{minio, "xbcloud", "ENDPOINT", "other.example", true},
		{minio, "xbcloud", "S3_ENDPOINT", "https://minio.storage.svc:9000", false},
		{minio, "litestream", "LITESTREAM_S3_ENDPOINT", "other.example", true},
		{amazon, "rclone", "RCLONE_S3_ENDPOINT", "other.example", true},
		{minio, "rclone", "RCLONE_S3_ENDPOINT", "other.example", false},
		{minio, "rclone", "RCLONE_CONFIG_LIGHTERMAN_ENDPOINT", "other.example", true},
		{minio, "pgbackrest", "PGBACKREST_REPO1_STORAGE_HOST", "other.example", true},
		{minio, "pgbackrest", "PGBACKREST_REPO2_S3_ENDPOINT", "other.example", false},
		{account, "", "AZURE_STORAGE_SERVICE_ENDPOINT", "https://backups.blob.core.windows.net/", false},
		{account, "", "AZURE_STORAGE_SERVICE_ENDPOINT", "https://other.blob.core.windows.net/", true},
		{secret, "", "AZURE_STORAGE_SERVICE_ENDPOINT", "https://other.blob.core.windows.net/", false},
		{secret, "", "AZURE_STORAGE_SERVICE_ENDPOINT", "https://other.blob.core.chinacloudapi.cn", true},
		{azurite, "", "AZURE_STORAGE_SERVICE_ENDPOINT", "https://azurite.storage.svc:10000/backups", false},
		{azurite, "", "AZURE_STORAGE_SERVICE_ENDPOINT", "https://backups.blob.core.windows.net", true},
		{account, "restic", "AZURE_ENDPOINT_SUFFIX", "core.windows.net", false},
		{account, "restic", "AZURE_ENDPOINT_SUFFIX", "core.example.com", true},
		{account, "kopia", "AZURE_STORAGE_DOMAIN", "blob.core.windows.net", false},
		{account, "kopia", "AZURE_STORAGE_DOMAIN", "blob.core.example.com", true},
		{account, "s3proxy", "JCLOUDS_ENDPOINT", "https://other.example", true},
		{account, "xbcloud", "AZURE_ENDPOINT", "https://backups.blob.core.windows.net", false},
		{account, "xbcloud", "ENDPOINT", "https://other.example", false},
		{google, "", "API_ENDPOINT_OVERRIDE", "https://private.googleapis.com", false},
		{google, "", "API_ENDPOINT_OVERRIDE", "https://storage.example.com", true},
		{google, "", "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE", "https://storage-x.p.googleapis.com/storage/v1/", false},
		{google, "", "GOOGLE_CLOUD_UNIVERSE_DOMAIN", "googleapis.com", false},
		{google, "", "CLOUDSDK_CORE_UNIVERSE_DOMAIN", "apis.example.com", true},
		{emulator, "", "API_ENDPOINT_OVERRIDE", "https://gcs.storage.svc/", false},
		{emulator, "", "API_ENDPOINT_OVERRIDE", "https://storage.googleapis.com", true},
		{google, "", "STORAGE_EMULATOR_HOST", "http://fake:4443", false}, // Without authentication.
	} {
		spec := new(v1alpha1.CredentialProfileSpec)
		if err := yaml.UnmarshalStrict([]byte(c.spec), spec); err != nil {
			t.Fatal(err)
		}
		if c.tools != "" {
			spec.Tools = []v1alpha1.Tool{v1alpha1.Tool(c.tools)}
		}
		r := Resolve(spec)
		if got := r.LeadsElsewhere(c.name, c.value); got != c.want {
			t.Errorf("%s%s: %s=%s: %v", c.spec, c.tools, c.name, c.value, got)
		}
	}
}

// TestEndpointsHaveGroups finds a variable of an identity among those that name an endpoint: it would be judged twice.
func TestEndpointsHaveGroups(t *testing.T) {
	t.Parallel()
	const identity = groupIdentity | groupAzure | groupGoogle
	check := func(endpoints map[string]leadsElsewhere, groups map[string]Group) {
		for name := range endpoints {
			if groups[name]&identity != 0 {
				t.Errorf("%s is an endpoint and a part of an identity", name)
			}
		}
	}
	for i := range stores {
		check(stores[i].endpoints, groupsByVariable)
	}
	for _, d := range dialects {
		check(d.endpoints, d.groups)
	}
}
