package profile

import "slices"

// wal-g 3.0.9 (aws-sdk-go v1.55.8): pkg/storages/{s3,azure,gcs}, docs/STORAGES.md.
var walG = dialect{
	name: "wal-g", version: "3.0.9",
	s3: allSupported(&s3Store, cell{}, func(e *Environment) {
		where := e.location
		e.addVar("WALG_S3_PREFIX", joinPrefix("s3://"+e.bucket(), e.Prefix()), 0)
		e.addVar("AWS_ENDPOINT", e.amazonEndpoint(awsSDKv1.knows), groupEndpoint) // AWS_ENDPOINT_URL_S3 is not read.
		if where.pathStyle {
			e.addVar("AWS_S3_FORCE_PATH_STYLE", "true", 0)
		}
		e.addVar("WALG_S3_CA_CERT_FILE", e.Files.CA, 0)
	}).override(map[string]cell{
		// 3.0.0 to 3.0.5 call sts:AssumeRole with AWS_ROLE_ARN, whatever the token says; 3.0.6 leaves that out where there is a
		// token file (pkg/storages/s3/session.go, tags v3.0.5 and v3.0.6). 2.0.1 reads no AWS_ROLE_ARN of its own.
		"webIdentity": {chain: chainOfGoSDK, note: "WAL-G 3.0.6, or before 3.0.0; not with stsEndpoint, nor in the European Sovereign Cloud", refuse: refuseAny(awsSDKv1.refuseSTS, ownSTS("its AWS SDK (v1) knows Amazon's token service only, and not webIdentity.stsEndpoint"+useAccessKey))},
	}),
	azure: allSupported(&azureStore, cell{}, func(e *Environment) {
		e.addVar("WALG_AZ_PREFIX", joinPrefix("azure://"+e.bucket(), e.Prefix()), 0)
		e.addAccount("AZURE_STORAGE_ACCOUNT", GroupAzureAccount)
		e.azureSovereign("AZURE_ENVIRONMENT_NAME", azureEnvironment)
		if e.Spec.Azure.OtherCloud != nil { // It goes before a name (pkg/storages/azure/configure.go).
			e.addVar("AZURE_ENDPOINT_SUFFIX", e.cloud.suffix, 0)
		}
	}).override(map[string]cell{
		"workloadIdentity": {note: "not with identityBinding", refuse: noIdentityBinding(defaultChain)},
		"accountKey": withEnv(func(e *Environment) {
			e.addSecret("AZURE_STORAGE_ACCESS_KEY", e.Spec.Azure.Auth.AccountKey, keyOf)
		}),
		"connectionString": unsupported("reads no connection string: use accountKey or sasToken"),
	}).rejectIf(azureHost("knows no endpoint but <account>.blob.<suffix>: leave spec.azure.endpoint out")),
	gcs: allSupported(&gcsStore, cell{}, func(e *Environment) {
		e.addVar("WALG_GS_PREFIX", joinPrefix("gs://"+e.bucket(), e.Prefix()), 0)
		// A part of it writes https://storage.googleapis.com out (pkg/storages/gcs/xmlupload.go).
	}).rejectIf(firstRefusal(googleHost, otherUniverse("knows storage.googleapis.com, and was not tried with another spec.gcs.universeDomain"+useOtherUniverse))),
	archives: []string{"WALG_S3_PREFIX", "WALG_AZ_PREFIX", "WALG_GS_PREFIX"},
	// internal/databases/postgres/wal_push_handler.go: only .history files are never replaced.
	sharing: "replaces WAL segments of the same name unless WALG_PREVENT_WAL_OVERWRITE is true",
	groups:  map[string]Group{"AWS_ENDPOINT": groupEndpoint},
	rivals: []Rival{
		// Without a token file it assumes this role itself (pkg/storages/s3/session.go configureSession).
		{Name: "AWS_ROLE_ARN", before: []string{"accessKey", "podIdentity", "credentialsFile"}, beforeChain: true},
		{Name: "AZURE_STORAGE_ACCESS_KEY", before: slices.Concat(azureTokens, []string{"sasToken"})},
	},
}
