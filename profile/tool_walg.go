package profile

import "slices"

// wal-g 3.0.9 (aws-sdk-go v1.55.8): pkg/storages/{s3,azure,gcs}, docs/STORAGES.md.
var walG = dialect{
	name: "wal-g", version: "3.0.9",
	proxy: "Go's net/http, by way of the SDKs",
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
	}).rejectIf(refuseAny(googleHost, otherUniverse("knows storage.googleapis.com, and was not tried with another spec.gcs.universeDomain"+useOtherUniverse))),
	archives: []string{"WALG_S3_PREFIX", "WALG_AZ_PREFIX", "WALG_GS_PREFIX"},
	// internal/databases/postgres/wal_push_handler.go: only .history files are never replaced.
	sharing: "replaces WAL segments of the same name unless WALG_PREVENT_WAL_OVERWRITE is true",
	groups:  walGGroups(),
	identities: []Identity{
		whole(walGNames("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"), walGNames("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY")).
			and(walGNames("AWS_SESSION_TOKEN")...),
		whole(walGNames("AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_SAS_TOKEN"),
			append(walGNames("AZURE_STORAGE_ACCOUNT"), azureAccountNames...)),
	},
	endpoints: map[string]leadsElsewhere{
		"AWS_ENDPOINT": s3Elsewhere, "WALG_AWS_ENDPOINT": s3Elsewhere, "WALE_AWS_ENDPOINT": s3Elsewhere,
		"AZURE_ENDPOINT_SUFFIX": azureDomainElsewhere,
	},
	rivals: []Rival{
		// Without a token file it assumes this role itself (pkg/storages/s3/session.go configureSession).
		{Name: "AWS_ROLE_ARN", before: []string{"accessKey", "podIdentity", "credentialsFile"}, beforeChain: true},
		{Name: "AZURE_STORAGE_ACCESS_KEY", before: slices.Concat(azureTokens, []string{"sasToken"})},
	},
}

// walGNames returns the second and the third name of settings: one that is not set is looked for with WALG_ before it, and then
// with WALE_ (internal/storage_adapter.go loadSettings, internal/config/config.go GetWaleCompatibleSettingFrom).
func walGNames(settings ...string) []string {
	names := make([]string, 0, 2*len(settings))
	for _, setting := range settings {
		names = append(names, "WALG_"+setting, "WALE_"+setting)
	}
	return names
}

// walGGroups returns the groups of its variables. Of several storages that have a prefix it takes the first of its own list
// (internal/configure.go ConfigureStorageForSpecificConfig).
func walGGroups() map[string]Group {
	groups := map[string]Group{
		"AWS_ENDPOINT": groupEndpoint, "WALG_S3_ENDPOINT_SOURCE": groupEndpoint, "S3_ENDPOINT_SOURCE": groupEndpoint,
		"S3_CA_CERT_FILE": groupWALGCA,
	}
	add := func(g Group, names []string) {
		for _, name := range names {
			groups[name] = g
		}
	}
	add(groupWALG, walGNames(
		"OSS_PREFIX", "S3_PREFIX", "FILE_PREFIX", "GS_PREFIX", "AZ_PREFIX", "SWIFT_PREFIX", "SSH_PREFIX"))
	add(groupWALGCA, walGNames("S3_CA_CERT_FILE"))
	add(groupEndpoint, walGNames("AWS_ENDPOINT"))
	add(groupRegion, walGNames("AWS_REGION"))
	add(groupIdentity, walGNames(
		"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN"))
	add(groupAzure, walGNames("AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_SAS_TOKEN"))
	add(GroupAzureAccount, walGNames("AZURE_STORAGE_ACCOUNT"))
	return groups
}
