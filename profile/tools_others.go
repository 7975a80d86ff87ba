package profile

import (
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// veleroFile is why Velero's Azure plugin takes little from the environment: pkg/util/azure/credential.go.
const veleroFile = "its Azure plugin reads keys, service principals and client IDs from its credentials file only: use workloadIdentity, or give Velero that file"

// velero (d30d389b) and its plugins for AWS (800bcfb1), Microsoft Azure (1b682ce1) and GCP (2cb9bfc3). The location is in the BackupStorageLocation. A credentials
// file that Velero is given itself (AWS_SHARED_CREDENTIALS_FILE, without --no-secret) is the container's own, and wins.
var velero = dialect{
	name: "velero", version: "d30d389b",
	// Its HTTP client is the SDK's own (velero-plugin-for-aws config.go), so AWS_CA_BUNDLE counts.
	s3: allSupported(&s3Store, cell{}, (*Environment).needsCABundle).override(map[string]cell{
		"webIdentity": supported("velero install --no-secret"),
		"podIdentity": supported("velero install --no-secret"),
	}),
	azure: noneSupported(&azureStore, veleroFile).override(map[string]cell{
		"workloadIdentity": supported("velero install --no-secret; useAAD in the BackupStorageLocation"),
		"managedIdentity": {
			note: "the system-assigned identity",
			refuse: func(s *v1alpha1.CredentialProfileSpec) string {
				if s.Azure.Auth.ManagedIdentity.ClientID != "" {
					return veleroFile
				}
				return ""
			},
		},
		"podIdentityBinding": {},
	}),
	gcs:    allSupported(&gcsStore, cell{}, nil),
	rivals: []Rival{{Name: "AZURE_CREDENTIALS_FILE", before: azureTokens}},
}

// xbcloudKeys is why xbcloud takes no other identity.
const xbcloudKeys = "knows access keys and the role of the node only" + useAccessKey

// xbcloud (percona-xtrabackup 136819f0): xbcloud.cc. S3_* come before AWS_*.
var xbcloud = dialect{
	name: "xbcloud", version: "136819f0",
	s3: allSupported(&s3Store, cell{}, func(e *Environment) {
		e.add("S3_ENDPOINT", e.s3Location().endpoint, groupEndpoint)
		e.needsCABundle()
	}).override(map[string]cell{
		"webIdentity":     unsupported(xbcloudKeys),
		"podIdentity":     unsupported(xbcloudKeys),
		"credentialsFile": unsupported(xbcloudKeys),
	}),
	azure: noneSupported(&azureStore, azureKeysOnly).override(map[string]cell{
		"accountKey": withEnv(func(e *Environment) {
			e.add("AZURE_CONTAINER_NAME", e.Spec.Azure.Container, 0)
			e.secret("AZURE_ACCESS_KEY", e.Spec.Azure.Auth.AccountKey, keyOf)
			if az := e.Spec.Azure; az.Endpoint != "" || !cloudOf(az).public() {
				e.add("AZURE_ENDPOINT", azureEndpoint(az), groupAzureEndpoint)
			}
		}),
	}),
	gcs: noneSupported(&gcsStore, "knows HMAC keys only"+useGCSInterop),
	groups: map[string]Group{
		"S3_ENDPOINT":          groupEndpoint,
		"S3_ACCESS_KEY_ID":     groupIdentity,
		"S3_SECRET_ACCESS_KEY": groupIdentity,
		"S3_SESSION_TOKEN":     groupIdentity,
		"AZURE_ENDPOINT":       groupAzureEndpoint,
	},
	identities: []Identity{
		whole(anyOf("S3_ACCESS_KEY_ID"), anyOf("S3_SECRET_ACCESS_KEY")).and("S3_SESSION_TOKEN"),
	},
	// The first that is set counts, and an empty one is set.
	rivals: []Rival{
		{Name: "S3_ACCESS_KEY_ID", before: []string{"accessKey"}, Shut: "$(AWS_ACCESS_KEY_ID)"},
		{Name: "S3_SECRET_ACCESS_KEY", before: []string{"accessKey"}, Shut: "$(AWS_SECRET_ACCESS_KEY)"},
	},
}

// mc, the MinIO client (minio/mc cf909e10, cmd/{config,client}.go). Of the environment it takes a URL, with keys in it without
// any decoding. Where MC_STS_ENDPOINT_<alias> is set, its S3 library looks for the AWS variables of an identity first. The
// alias is LIGHTERMAN: mc cp --recursive /backup/ LIGHTERMAN/<bucket>/<prefix>/.
var mc = dialect{
	name: "mc", version: "cf909e10",
	s3: noneSupported(&s3Store, "takes access keys, web identity and pod identity from the environment, and no other identity"+useAccessKey).override(map[string]cell{
		"accessKey": {note: "a secret without a colon", env: func(e *Environment) {
			keys := "$(AWS_ACCESS_KEY_ID):$(AWS_SECRET_ACCESS_KEY)"
			if e.Spec.S3.Auth.AccessKey.SessionToken != nil {
				keys += ":$(AWS_SESSION_TOKEN)"
			}
			mcAlias(e, keys+"@")
		}},
		"webIdentity": withEnv(func(e *Environment) {
			mcAlias(e, "")
			e.add("MC_STS_ENDPOINT_LIGHTERMAN", e.stsURL(), groupIdentity)
		}),
		// Any URL will do: the agent's is read from AWS_CONTAINER_CREDENTIALS_FULL_URI.
		"podIdentity": withEnv(func(e *Environment) {
			mcAlias(e, "")
			e.add("MC_STS_ENDPOINT_LIGHTERMAN", podIdentityURL, groupIdentity)
		}),
	}).rejectIf(func(s *v1alpha1.CredentialProfileSpec) string {
		if _, rest, _ := strings.Cut(s.S3.Endpoint, "://"); strings.Contains(strings.TrimRight(rest, "/"), "/") {
			return "takes no path in the URL of a store: set spec.s3.endpoint without one"
		}
		return ""
	}),
	azure: noneSupported(&azureStore, "speaks S3 only: use another tool"),
	gcs:   noneSupported(&gcsStore, "speaks S3 only"+useGCSInterop),
	groups: map[string]Group{
		"MC_HOST_LIGHTERMAN": groupIdentity, "MC_STS_ENDPOINT_LIGHTERMAN": groupIdentity, "MC_REGION": groupRegion,
	},
	identities: []Identity{whole(anyOf("MC_HOST_LIGHTERMAN")).and("MC_STS_ENDPOINT_LIGHTERMAN")},
}

func mcAlias(e *Environment, keys string) {
	scheme, host, _ := strings.Cut(e.s3URL(), "://")
	e.add("MC_HOST_LIGHTERMAN", scheme+"://"+keys+host, groupIdentity)
	e.add("MC_REGION", e.s3Location().region, groupRegion)
	e.add("SSL_CERT_FILE", e.Files.CA, 0)
}

// s3proxy is the server S3Proxy 4.0.0 in front of Azure (run-docker-container.sh, README): what its clients need is an s3
// profile with preset S3Proxy.
var s3proxy = dialect{
	name: "s3proxy", version: "4.0.0",
	s3: noneSupported(&s3Store, "is the S3Proxy server in front of Azure; its clients need no tool: use preset S3Proxy"),
	azure: noneSupported(&azureStore, "takes Entra ID only where JCLOUDS_IDENTITY and JCLOUDS_CREDENTIAL are empty, and Lighterman injects no empty variable: use accountKey, or leave s3proxy out of the tools and set both to \"\" in the container").override(map[string]cell{
		"accountKey": withEnv(func(e *Environment) {
			e.add("JCLOUDS_PROVIDER", "azureblob", 0)
			e.add("JCLOUDS_ENDPOINT", azureEndpoint(e.Spec.Azure), 0)
			e.account("JCLOUDS_IDENTITY", GroupAzureAccount|groupAzure)
			e.secret("JCLOUDS_CREDENTIAL", e.Spec.Azure.Auth.AccountKey, keyOf)
		}),
		"connectionString": unsupported("reads no connection string: use accountKey"),
		"sasToken":         unsupported("takes no SAS token from the environment: use accountKey"),
	}),
	gcs:        noneSupported(&gcsStore, "wants the e-mail and the private key of an account, which are inside the key file: use an s3 profile with preset GCSInterop without S3Proxy"),
	groups:     map[string]Group{"JCLOUDS_IDENTITY": groupAzure, "JCLOUDS_CREDENTIAL": groupAzure},
	identities: []Identity{whole(anyOf("JCLOUDS_IDENTITY"), anyOf("JCLOUDS_CREDENTIAL"))},
}
