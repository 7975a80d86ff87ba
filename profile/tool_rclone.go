package profile

import "strconv"

// rcloneRemote begins the variables of the remote LIGHTERMAN: rclone copy /backup LIGHTERMAN:<bucket>/<prefix>/.
const rcloneRemote = "RCLONE_CONFIG_LIGHTERMAN_"

const rcloneSlash = "end the location with / where the identity may not read beyond the prefix"

// rclone 1.75: backend/s3/s3.go, backend/azureblob/auth/auth.go, backend/googlecloudstorage.
var rclone = dialect{
	name: "rclone", version: "1.75",
	takesTenant: true, // Since 1.68.2, its changelog.
	proxy:       "Go's net/http (fs/fshttp/http.go); `--http-proxy` comes first",
	// ENV_AUTH is the chain of aws-sdk-go-v2. Without it and without keys of the remote's own, rclone is anonymous. A location
	// without a slash at its end is looked at as an object first, and taken for one where that is forbidden and nothing is
	// below it (s3.go NewFs).
	s3: allSupported(&s3Store, supported(rcloneSlash), func(e *Environment) {
		where := e.location
		e.addVar(rcloneRemote+"TYPE", "s3", 0)
		e.addVar(rcloneRemote+"PROVIDER", rcloneProvider(e.preset, where.pathStyle), 0)
		e.addVar(rcloneRemote+"ENV_AUTH", "true", 0)
		e.addVar(rcloneRemote+"REGION", where.region, 0) // AWS_REGION is not read.
		e.addVar(rcloneRemote+"ENDPOINT", where.endpoint, 0)
		e.addVar(rcloneRemote+"FORCE_PATH_STYLE", strconv.FormatBool(where.pathStyle), 0)
		e.addVar(rcloneRemote+"NO_CHECK_BUCKET", "true", 0)
		e.addVar("RCLONE_CA_CERT", e.Files.CA, 0)
	}).override(map[string]cell{"webIdentity": {note: rcloneSlash, chain: chainOfGoSDK}}),
	azure: allSupported(&azureStore, withEnv(rcloneEnvAuth), func(e *Environment) {
		e.addVar(rcloneRemote+"TYPE", "azureblob", 0)
		e.addAccount(rcloneRemote+"ACCOUNT", 0)
		if e.hasRcloneEndpoint() {
			e.addVar(rcloneRemote+"ENDPOINT", e.azureEndpoint(), 0)
		}
		e.addVar("RCLONE_CA_CERT", e.Files.CA, 0)
	}).override(map[string]cell{
		// rclone 1.76.0 backend/azureblob/auth/auth.go: ENV_AUTH is NewDefaultAzureCredential.
		"workloadIdentity": {
			env: rcloneEnvAuth, note: "not with identityBinding", refuse: noIdentityBinding(defaultChain),
		},
		"accountKey": withEnv(func(e *Environment) {
			e.addSecret(rcloneRemote+"KEY", e.Spec.Azure.Auth.AccountKey, keyOf)
		}),
		"sasToken": {note: "the token without ? at its front", env: func(e *Environment) {
			e.addVar(rcloneRemote+"SAS_URL", e.azureEndpoint()+"/"+e.bucket()+"?$(AZURE_STORAGE_SAS_TOKEN)", keyOf)
		}},
		"connectionString": withEnv(func(e *Environment) {
			e.addSecret(rcloneRemote+"CONNECTION_STRING", e.Spec.Azure.Auth.ConnectionString, groupAzure)
		}),
	}),
	// SERVICE_ACCOUNT_FILE takes keys only, and ENV_AUTH every kind of file.
	gcs: allSupported(&gcsStore, withEnv(rcloneEnvAuth), func(e *Environment) {
		e.addVar(rcloneRemote+"TYPE", "google cloud storage", 0)
		e.addVar(rcloneRemote+"ENDPOINT", e.Spec.GCS.Endpoint, 0)
		e.addVar(rcloneRemote+"BUCKET_POLICY_ONLY", "true", 0) // Else it sends ACLs, which buckets with uniform access refuse.
	}).override(map[string]cell{
		// backend/googlecloudstorage/googlecloudstorage.go: google.DefaultClient of golang.org/x/oauth2.
		"serviceAccountKey": {env: rcloneEnvAuth, note: keyNote, refuse: otherUniverse(keyElsewhere)},
	}),
	prefix: rcloneRemote, repository: groupRclone,
	groups: rcloneGroups(), identities: rcloneIdentities(), rivals: rcloneRivals,
	endpoints: map[string]leadsElsewhere{
		rcloneRemote + "ENDPOINT":   anyElsewhere,
		"RCLONE_S3_ENDPOINT":        rcloneBackendElsewhere,
		"RCLONE_AZUREBLOB_ENDPOINT": rcloneBackendElsewhere,
		"RCLONE_GCS_ENDPOINT":       rcloneBackendElsewhere,
	},
}

func rcloneEnvAuth(e *Environment) {
	e.addVar(rcloneRemote+"ENV_AUTH", "true", 0)
	if e.Spec.Azure != nil && e.Spec.Azure.OtherCloud != nil {
		// Else it asks login.microsoft.com about the authority (auth.go).
		e.addVar(rcloneRemote+"DISABLE_INSTANCE_DISCOVERY", "true", 0)
	}
}

// rcloneProvider returns the provider whose quirks are the preset's. rclone overrides FORCE_PATH_STYLE for providers that it
// knows to have virtual hosts; for "Other" it does not.
func rcloneProvider(p *preset, pathStyle bool) string {
	if pathStyle && !p.pathStyle {
		return rcloneOther
	}
	return p.rclone
}

const rcloneOther = "Other"
