package profile

import "slices"

// restic 0.19.1: internal/backend/{s3,azure,gs}, doc/075_scripting.rst.
var restic = dialect{
	name: "restic", version: "0.19.1",
	s3: allSupported(&s3Store, cell{}, func(e *Environment) {
		e.add("RESTIC_REPOSITORY", "s3:"+below(e.s3URL()+"/"+e.Spec.S3.Bucket, e.Spec.S3.Prefix), 0)
		e.add("RESTIC_CACERT", e.Files.CA, 0) // AWS_CA_BUNDLE is not read; this one covers the token service, too.
	}).override(map[string]cell{
		"webIdentity": {note: "not with stsEndpoint", refuse: ownSTS("its S3 library knows Amazon's token service only, and not webIdentity.stsEndpoint" + useAccessKey)},
		"podIdentity": supported("restic 0.18.0"),
	}),
	azure: allSupported(&azureStore, supported("restic 0.16.0"), func(e *Environment) {
		e.add("RESTIC_REPOSITORY", "azure:"+e.Spec.Azure.Container+":/"+e.Spec.Azure.Prefix, 0)
		e.account("AZURE_ACCOUNT_NAME", GroupAzureAccount)
		e.azureSovereign("AZURE_ENDPOINT_SUFFIX", azureSuffix)
		e.add("RESTIC_CACERT", e.Files.CA, 0) // Entra ID is checked by SSL_CERT_FILE.
	}).override(map[string]cell{
		"accountKey": withEnv(func(e *Environment) {
			e.secret("AZURE_ACCOUNT_KEY", e.Spec.Azure.Auth.AccountKey, keyOf)
		}),
		"sasToken": withEnv(func(e *Environment) {
			e.secret("AZURE_ACCOUNT_SAS", e.Spec.Azure.Auth.SASToken, keyOf)
		}),
		"connectionString": unsupported("reads no connection string: use accountKey or sasToken"),
	}).rejectIf(azureHost("knows no endpoint but <account>.blob.<suffix>: leave spec.azure.endpoint out")),
	gcs: allSupported(&gcsStore, cell{}, func(e *Environment) {
		e.add("RESTIC_REPOSITORY", "gs:"+e.Spec.GCS.Bucket+":/"+e.Spec.GCS.Prefix, 0)
		e.add("GOOGLE_PROJECT_ID", e.Spec.GCS.ProjectID, groupGoogleProject)
		e.add("RESTIC_CACERT", e.Files.CA, 0)
	}).rejectIf(googleHost),
	groups: map[string]Group{"AZURE_ACCOUNT_NAME": GroupAzureAccount, "GOOGLE_PROJECT_ID": groupGoogleProject},
	rivals: append([]Rival{
		{Name: "AZURE_ACCOUNT_KEY", before: slices.Concat(azureTokens, []string{"sasToken"})},
		{Name: "AZURE_ACCOUNT_SAS", before: azureTokens},
		{Name: "AZURE_FORCE_CLI_CREDENTIAL", before: azureTokens},
		{Name: "GOOGLE_ACCESS_TOKEN", before: []string{"gkeWorkloadIdentity", "workloadIdentityFederation", "serviceAccountKey"}},
	}, minioRivals...),
}

// wal-g 3.0.9 (aws-sdk-go v1.55.8): pkg/storages/{s3,azure,gcs}, docs/STORAGES.md.
var walG = dialect{
	name: "wal-g", version: "3.0.9",
	s3: allSupported(&s3Store, cell{}, func(e *Environment) {
		where := e.s3Location()
		e.add("WALG_S3_PREFIX", below("s3://"+e.Spec.S3.Bucket, e.Spec.S3.Prefix), 0)
		e.add("AWS_ENDPOINT", where.endpoint, groupEndpoint) // AWS_ENDPOINT_URL_S3 is not read.
		if where.pathStyle {
			e.add("AWS_S3_FORCE_PATH_STYLE", "true", 0)
		}
		e.add("WALG_S3_CA_CERT_FILE", e.Files.CA, 0)
	}).override(map[string]cell{
		"webIdentity": {note: "not with stsEndpoint", refuse: ownSTS("its AWS SDK (v1) knows Amazon's token service only, and not webIdentity.stsEndpoint" + useAccessKey)},
	}),
	azure: allSupported(&azureStore, cell{}, func(e *Environment) {
		e.add("WALG_AZ_PREFIX", below("azure://"+e.Spec.Azure.Container, e.Spec.Azure.Prefix), 0)
		e.account("AZURE_STORAGE_ACCOUNT", GroupAzureAccount)
		e.azureSovereign("AZURE_ENVIRONMENT_NAME", azureEnvironment)
	}).override(map[string]cell{
		"accountKey": withEnv(func(e *Environment) {
			e.secret("AZURE_STORAGE_ACCESS_KEY", e.Spec.Azure.Auth.AccountKey, keyOf)
		}),
		"connectionString": unsupported("reads no connection string: use accountKey or sasToken"),
	}).rejectIf(azureHost("knows no endpoint but <account>.blob.<suffix>: leave spec.azure.endpoint out")),
	gcs: allSupported(&gcsStore, cell{}, func(e *Environment) {
		e.add("WALG_GS_PREFIX", below("gs://"+e.Spec.GCS.Bucket, e.Spec.GCS.Prefix), 0)
	}).rejectIf(googleHost),
	groups: map[string]Group{"AWS_ENDPOINT": groupEndpoint},
	rivals: []Rival{{Name: "AZURE_STORAGE_ACCESS_KEY", before: slices.Concat(azureTokens, []string{"sasToken"})}},
}

// kopiaNoKeys is a note on S3: cli/storage_s3.go declares the flags of the keys Required, and an empty one is enough for
// every other identity (seen with 0.22.3).
const kopiaNoKeys = "--access-key= --secret-access-key="

// kopia 0.23.1: cli/storage_{s3,azure,gcs}.go, repo/blob/{s3,azure,gcs}. It is told its location in flags. The variables
// are read when a repository is created or connected, and kept in its configuration file, secrets too:
// KOPIA_PERSIST_CREDENTIALS_ON_CONNECT is about the repository's password alone (cli/app.go passwordPersistenceStrategy).
var kopia = dialect{
	name: "kopia", version: "0.23.1",
	// Its chain of identities is that of its S3 library, without the credentials file (s3_storage.go newStorage).
	s3: allSupported(&s3Store, supported(kopiaNoKeys), func(e *Environment) {
		e.add("SSL_CERT_FILE", e.Files.CA, 0) // ROOT_CA_PEM_BASE64 wants the text; --root-ca-pem-path is the other way.
	}).override(map[string]cell{
		"webIdentity": {
			note:   kopiaNoKeys + "; not with stsEndpoint",
			refuse: ownSTS("its S3 library knows Amazon's token service only, and not webIdentity.stsEndpoint" + useAccessKey),
		},
		"accessKey":       {},
		"credentialsFile": unsupported("reads no AWS credentials file" + useAccessKey),
	}),
	azure: noneSupported(&azureStore, "has no managed identity and no DefaultAzureCredential: use workloadIdentity").override(map[string]cell{
		"workloadIdentity": withEnv(kopiaAzure),
		"servicePrincipal": withEnv(func(e *Environment) {
			kopiaAzure(e)
			e.secret("AZURE_CLIENT_CERTIFICATE", e.Spec.Azure.Auth.ServicePrincipal.ClientCertificate, groupAzure) // The text.
		}),
		"accountKey":       withEnv(kopiaAzure),
		"sasToken":         {env: kopiaAzure, note: "the token without ? at its front"},
		"connectionString": unsupported("reads no connection string: use accountKey or sasToken"),
	}).rejectIf(azureHost("knows no endpoint but <account>.<domain>: leave spec.azure.endpoint out")),
	gcs:    allSupported(&gcsStore, supported("no --credentials-file"), nil).rejectIf(googleHost),
	rivals: minioRivals,
}

func kopiaAzure(e *Environment) {
	e.azureSovereign("AZURE_STORAGE_DOMAIN", azureBlobHost)
}

// litestream 0.5.18 (aws-sdk-go-v2): cmd/litestream/main.go, s3, abs and gs. It is told its location in arguments, or in its
// configuration, which may refer to the neutral variables as ${NAME}.
var litestream = dialect{
	name: "litestream", version: "0.5.18",
	s3: allSupported(&s3Store, cell{}, func(e *Environment) {
		// Its VFS reads this one (s3/replica_client.go NewReplicaClientFromURL), and the program AWS_ENDPOINT_URL_S3.
		e.add("LITESTREAM_S3_ENDPOINT", e.s3Location().endpoint, groupEndpoint)
		e.breaksOnCABundle()
	}).override(map[string]cell{"accessKey": supported("its VFS drops a session token, the program does not")}),
	azure: allSupported(&azureStore, cell{}, nil).override(map[string]cell{
		"accountKey": withEnv(func(e *Environment) {
			e.secret("LITESTREAM_AZURE_ACCOUNT_KEY", e.Spec.Azure.Auth.AccountKey, keyOf)
		}),
		"sasToken": withEnv(func(e *Environment) {
			e.secret("LITESTREAM_AZURE_SAS_TOKEN", e.Spec.Azure.Auth.SASToken, keyOf)
		}),
		"connectionString": unsupported("reads no connection string: use accountKey or sasToken"),
	}),
	gcs: allSupported(&gcsStore, cell{}, nil).rejectIf(googleHost),
	groups: map[string]Group{
		"LITESTREAM_S3_ENDPOINT":       groupEndpoint,
		"LITESTREAM_ACCESS_KEY_ID":     groupIdentity,
		"LITESTREAM_SECRET_ACCESS_KEY": groupIdentity,
		"LITESTREAM_AZURE_ACCOUNT_KEY": groupAzure,
		"LITESTREAM_AZURE_SAS_TOKEN":   groupAzure,
	},
	identities: []Identity{
		whole(anyOf("LITESTREAM_ACCESS_KEY_ID"), anyOf("LITESTREAM_SECRET_ACCESS_KEY")),
		whole(anyOf("LITESTREAM_AZURE_ACCOUNT_KEY", "LITESTREAM_AZURE_SAS_TOKEN")), // The account is in its configuration.
	},
	rivals: []Rival{
		{Name: "LITESTREAM_ACCESS_KEY_ID", before: []string{"webIdentity", "podIdentity", "credentialsFile"}},
		{Name: "LITESTREAM_AZURE_ACCOUNT_KEY", before: slices.Concat(azureTokens, []string{"sasToken"})},
		{Name: "LITESTREAM_AZURE_SAS_TOKEN", before: slices.Concat(azureTokens, []string{"accountKey"})},
	},
}
