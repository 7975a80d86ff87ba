package profile

import (
	"strings"
)

// mc, the MinIO client (minio/mc cf909e10, cmd/{config,client}.go). Of the environment it takes a URL, with keys in it without
// any decoding. Where MC_STS_ENDPOINT_<alias> is set, its S3 library looks for the AWS variables of an identity first. The
// alias is LIGHTERMAN: mc cp --recursive /backup/ LIGHTERMAN/<bucket>/<prefix>/.
var mc = dialect{
	name: "mc", version: "cf909e10",
	takesTenant: true, // minio-go, as kopia.
	proxy:       "Go's net/http (cmd/client.go)",
	s3: noneSupported(&s3Store, "takes access keys, web identity and pod identity from the environment, and no other identity"+useAccessKey).override(map[string]cell{
		"accessKey": {note: "a secret without a colon", env: func(e *Environment) {
			keys := "$(AWS_ACCESS_KEY_ID):$(AWS_SECRET_ACCESS_KEY)"
			if e.Spec.S3.Auth.AccessKey.SessionToken != nil {
				keys += ":$(AWS_SESSION_TOKEN)"
			}
			mcAlias(e, keys+"@")
		}},
		"webIdentity": {
			env: func(e *Environment) {
				mcAlias(e, "")
				e.addVar("MC_STS_ENDPOINT_LIGHTERMAN", e.stsURL(), groupIdentity)
			},
			note:  "not with assumeRole",
			chain: oneRole("reads one role, and no AWS configuration file"),
		},
		// Any URL will do: the agent's is read from AWS_CONTAINER_CREDENTIALS_FULL_URI.
		"podIdentity": withEnv(func(e *Environment) {
			mcAlias(e, "")
			e.addVar("MC_STS_ENDPOINT_LIGHTERMAN", podIdentityURL, groupIdentity)
		}),
	}).rejectIf(basePath("takes no path in the URL of a store" + useOtherForPath)),
	azure: noneSupported(&azureStore, "speaks S3 only: use another tool"),
	gcs:   noneSupported(&gcsStore, "speaks S3 only"+useGCSInterop),
	// An alias of the environment comes before one of MC_CONFIG_ENV_FILE and of its configuration (cmd/config.go expandAlias).
	groups: map[string]Group{
		"MC_HOST_LIGHTERMAN": groupIdentity, "MC_STS_ENDPOINT_LIGHTERMAN": groupIdentity, "MC_REGION": groupRegion,
		"MC_WEB_IDENTITY_TOKEN_FILE_LIGHTERMAN": groupIdentity, "MC_ROLE_ARN_LIGHTERMAN": groupIdentity,
		"MC_ROLE_SESSION_NAME_LIGHTERMAN": groupIdentity,
	},
	identities: []Identity{whole(anyOf("MC_HOST_LIGHTERMAN")).and("MC_STS_ENDPOINT_LIGHTERMAN",
		"MC_WEB_IDENTITY_TOKEN_FILE_LIGHTERMAN", "MC_ROLE_ARN_LIGHTERMAN", "MC_ROLE_SESSION_NAME_LIGHTERMAN")},
}

func mcAlias(e *Environment, keys string) {
	scheme, host, _ := strings.Cut(e.s3URL(), "://")
	e.addVar("MC_HOST_LIGHTERMAN", scheme+"://"+keys+host, groupIdentity)
	e.addVar("MC_REGION", e.location.region, groupRegion)
	e.addVar("SSL_CERT_FILE", e.Files.CA, 0)
}
