package injector

import "slices"

// restic 0.19.1: internal/backend/{s3,azure,gs}, doc/075_scripting.rst.
var restic = dialect{
	name: "restic", version: "0.19.1",
	s3: allOf(&s3Store, cell{}, func(e *environment) {
		e.add("RESTIC_REPOSITORY", "s3:"+below(e.s3URL()+"/"+e.spec.S3.Bucket, e.spec.S3.Prefix), 0)
		e.add("RESTIC_CACERT", e.files.ca, 0) // AWS_CA_BUNDLE is not read; this one covers the token service, too.
	}).but(map[string]cell{
		"webIdentity": {note: "not with stsEndpoint", refuse: ownSTS("its S3 library knows Amazon's token service only, and not webIdentity.stsEndpoint" + useAccessKey)},
		"podIdentity": yes("restic 0.18.0"),
	}),
	azure: allOf(&azureStore, yes("restic 0.16.0"), func(e *environment) {
		e.add("RESTIC_REPOSITORY", "azure:"+e.spec.Azure.Container+":/"+e.spec.Azure.Prefix, 0)
		e.account("AZURE_ACCOUNT_NAME", groupAzureAccount)
		e.azureSovereign("AZURE_ENDPOINT_SUFFIX", azureSuffix)
		e.add("RESTIC_CACERT", e.files.ca, 0) // Entra ID is checked by SSL_CERT_FILE.
	}).but(map[string]cell{
		"accountKey": with(func(e *environment) {
			e.secret("AZURE_ACCOUNT_KEY", e.spec.Azure.Auth.AccountKey, keyOf)
		}),
		"sasToken": with(func(e *environment) {
			e.secret("AZURE_ACCOUNT_SAS", e.spec.Azure.Auth.SASToken, keyOf)
		}),
		"connectionString": unsupported("reads no connection string: use accountKey or sasToken"),
	}).unless(azureHost("knows no endpoint but <account>.blob.<suffix>: leave spec.azure.endpoint out")),
	gcs: allOf(&gcsStore, cell{}, func(e *environment) {
		e.add("RESTIC_REPOSITORY", "gs:"+e.spec.GCS.Bucket+":/"+e.spec.GCS.Prefix, 0)
		e.add("GOOGLE_PROJECT_ID", e.spec.GCS.ProjectID, groupGoogleProject)
		e.add("RESTIC_CACERT", e.files.ca, 0)
	}).unless(googleHost),
	groups: map[string]group{"AZURE_ACCOUNT_NAME": groupAzureAccount, "GOOGLE_PROJECT_ID": groupGoogleProject},
	rivals: append([]rival{
		{name: "AZURE_ACCOUNT_KEY", before: slices.Concat(azureTokens, []string{"sasToken"})},
		{name: "AZURE_ACCOUNT_SAS", before: azureTokens},
		{name: "AZURE_FORCE_CLI_CREDENTIAL", before: azureTokens},
		{name: "GOOGLE_ACCESS_TOKEN", before: []string{"gkeWorkloadIdentity", "workloadIdentityFederation", "serviceAccountKey"}},
	}, minioRivals...),
}

// wal-g 3.0.9 (aws-sdk-go v1.55.8): pkg/storages/{s3,azure,gcs}, docs/STORAGES.md.
var walG = dialect{
	name: "wal-g", version: "3.0.9",
	s3: allOf(&s3Store, cell{}, func(e *environment) {
		where := e.s3Location()
		e.add("WALG_S3_PREFIX", below("s3://"+e.spec.S3.Bucket, e.spec.S3.Prefix), 0)
		e.add("AWS_ENDPOINT", where.endpoint, groupEndpoint) // AWS_ENDPOINT_URL_S3 is not read.
		if where.pathStyle {
			e.add("AWS_S3_FORCE_PATH_STYLE", "true", 0)
		}
		e.add("WALG_S3_CA_CERT_FILE", e.files.ca, 0)
	}).but(map[string]cell{
		"webIdentity": {note: "not with stsEndpoint", refuse: ownSTS("its AWS SDK (v1) knows Amazon's token service only, and not webIdentity.stsEndpoint" + useAccessKey)},
	}),
	azure: allOf(&azureStore, cell{}, func(e *environment) {
		e.add("WALG_AZ_PREFIX", below("azure://"+e.spec.Azure.Container, e.spec.Azure.Prefix), 0)
		e.account("AZURE_STORAGE_ACCOUNT", groupAzureAccount)
		e.azureSovereign("AZURE_ENVIRONMENT_NAME", azureEnvironment)
	}).but(map[string]cell{
		"accountKey": with(func(e *environment) {
			e.secret("AZURE_STORAGE_ACCESS_KEY", e.spec.Azure.Auth.AccountKey, keyOf)
		}),
		"connectionString": unsupported("reads no connection string: use accountKey or sasToken"),
	}).unless(azureHost("knows no endpoint but <account>.blob.<suffix>: leave spec.azure.endpoint out")),
	gcs: allOf(&gcsStore, cell{}, func(e *environment) {
		e.add("WALG_GS_PREFIX", below("gs://"+e.spec.GCS.Bucket, e.spec.GCS.Prefix), 0)
	}).unless(googleHost),
	groups: map[string]group{"AWS_ENDPOINT": groupEndpoint},
	rivals: []rival{{name: "AZURE_STORAGE_ACCESS_KEY", before: slices.Concat(azureTokens, []string{"sasToken"})}},
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
	s3: allOf(&s3Store, yes(kopiaNoKeys), func(e *environment) {
		e.add("SSL_CERT_FILE", e.files.ca, 0) // ROOT_CA_PEM_BASE64 wants the text; --root-ca-pem-path is the other way.
	}).but(map[string]cell{
		"webIdentity": {
			note:   kopiaNoKeys + "; not with stsEndpoint",
			refuse: ownSTS("its S3 library knows Amazon's token service only, and not webIdentity.stsEndpoint" + useAccessKey),
		},
		"accessKey":       {},
		"credentialsFile": unsupported("reads no AWS credentials file" + useAccessKey),
	}),
	azure: noneOf(&azureStore, "has no managed identity and no DefaultAzureCredential: use workloadIdentity").but(map[string]cell{
		"workloadIdentity": with(kopiaAzure),
		"servicePrincipal": with(func(e *environment) {
			kopiaAzure(e)
			e.secret("AZURE_CLIENT_CERTIFICATE", e.spec.Azure.Auth.ServicePrincipal.ClientCertificate, groupAzure) // The text.
		}),
		"accountKey":       with(kopiaAzure),
		"sasToken":         {env: kopiaAzure, note: "the token without ? at its front"},
		"connectionString": unsupported("reads no connection string: use accountKey or sasToken"),
	}).unless(azureHost("knows no endpoint but <account>.<domain>: leave spec.azure.endpoint out")),
	gcs:    allOf(&gcsStore, yes("no --credentials-file"), nil).unless(googleHost),
	rivals: minioRivals,
}

func kopiaAzure(e *environment) {
	e.azureSovereign("AZURE_STORAGE_DOMAIN", azureBlobHost)
}

// litestream 0.5.18 (aws-sdk-go-v2): cmd/litestream/main.go, s3, abs and gs. It is told its location in arguments, or in its
// configuration, which may refer to the neutral variables as ${NAME}.
var litestream = dialect{
	name: "litestream", version: "0.5.18",
	s3: allOf(&s3Store, cell{}, func(e *environment) {
		// Its VFS reads this one (s3/replica_client.go NewReplicaClientFromURL), and the program AWS_ENDPOINT_URL_S3.
		e.add("LITESTREAM_S3_ENDPOINT", e.s3Location().endpoint, groupEndpoint)
		e.breaksOnCABundle()
	}).but(map[string]cell{"accessKey": yes("its VFS drops a session token, the program does not")}),
	azure: allOf(&azureStore, cell{}, nil).but(map[string]cell{
		"accountKey": with(func(e *environment) {
			e.secret("LITESTREAM_AZURE_ACCOUNT_KEY", e.spec.Azure.Auth.AccountKey, keyOf)
		}),
		"sasToken": with(func(e *environment) {
			e.secret("LITESTREAM_AZURE_SAS_TOKEN", e.spec.Azure.Auth.SASToken, keyOf)
		}),
		"connectionString": unsupported("reads no connection string: use accountKey or sasToken"),
	}),
	gcs: allOf(&gcsStore, cell{}, nil).unless(googleHost),
	groups: map[string]group{
		"LITESTREAM_S3_ENDPOINT":       groupEndpoint,
		"LITESTREAM_ACCESS_KEY_ID":     groupIdentity,
		"LITESTREAM_SECRET_ACCESS_KEY": groupIdentity,
		"LITESTREAM_AZURE_ACCOUNT_KEY": groupAzure,
		"LITESTREAM_AZURE_SAS_TOKEN":   groupAzure,
	},
	identities: []wholeIdentity{
		whole(anyOf("LITESTREAM_ACCESS_KEY_ID"), anyOf("LITESTREAM_SECRET_ACCESS_KEY")),
		whole(anyOf("LITESTREAM_AZURE_ACCOUNT_KEY", "LITESTREAM_AZURE_SAS_TOKEN")), // The account is in its configuration.
	},
	rivals: []rival{
		{name: "LITESTREAM_ACCESS_KEY_ID", before: []string{"webIdentity", "podIdentity", "credentialsFile"}},
		{name: "LITESTREAM_AZURE_ACCOUNT_KEY", before: slices.Concat(azureTokens, []string{"sasToken"})},
		{name: "LITESTREAM_AZURE_SAS_TOKEN", before: slices.Concat(azureTokens, []string{"accountKey"})},
	},
}
