package profile

// kopiaNoKeys is a note on S3: cli/storage_s3.go declares the flags of the keys Required, and an empty one is enough for
// every other identity (seen with 0.22.3).
const kopiaNoKeys = "--access-key= --secret-access-key="

// kopia 0.23.1: cli/storage_{s3,azure,gcs}.go, repo/blob/{s3,azure,gcs}. It takes its location in flags. The variables
// are read when a repository is created or connected, and kept in its configuration file, secrets too:
// KOPIA_PERSIST_CREDENTIALS_ON_CONNECT is about the repository's password alone (cli/app.go passwordPersistenceStrategy).
// Its S3 library takes an endpoint without a path alone (minio-go 7.4.1 utils.go isValidEndpointURL).
var kopia = dialect{
	name: "kopia", version: "0.23.1",
	takesTenant: true, // The library's pattern of names (minio-go 7.4.1 pkg/s3utils/utils.go) has a colon.
	proxy:       "Go's net/http (repo/blob/s3/s3_storage.go)",
	// Its chain of identities is that of its S3 library, without the credentials file (s3_storage.go newStorage).
	s3: allSupported(&s3Store, supported(kopiaNoKeys), func(e *Environment) {
		e.addVar("SSL_CERT_FILE", e.Files.CA, 0) // ROOT_CA_PEM_BASE64 wants the text; --root-ca-pem-path is the other way.
	}).override(map[string]cell{
		"webIdentity": {
			note:   kopiaNoKeys + "; not with stsEndpoint or assumeRole, nor in " + sovereignAndISO,
			chain:  oneRole("its S3 library reads one role, and no AWS configuration file"),
			refuse: refuseAny(minioGo.refuseSTS, ownSTS("its S3 library knows Amazon's token service only, and not webIdentity.stsEndpoint"+useAccessKey)),
		},
		"accessKey":       {},
		"credentialsFile": unsupported("reads no AWS credentials file" + useAccessKey),
	}).rejectIf(basePath("takes no path in the endpoint" + useOtherForPath)),
	azure: noneSupported(&azureStore, "has no managed identity and no DefaultAzureCredential: use workloadIdentity").override(map[string]cell{
		// repo/blob/azure/azure_storage.go: NewWorkloadIdentityCredential without EnableAzureProxy.
		"workloadIdentity": {
			env: kopiaAzure, note: "not with identityBinding",
			refuse: noIdentityBinding("its credential does not ask for AKS identity bindings" + useDirectly),
		},
		"servicePrincipal": withEnv(func(e *Environment) {
			kopiaAzure(e)
			e.addSecret("AZURE_CLIENT_CERTIFICATE", e.Spec.Azure.Auth.ServicePrincipal.ClientCertificate, groupAzure) // The text.
		}),
		"accountKey":       withEnv(kopiaAzure),
		"sasToken":         {env: kopiaAzure, note: "the token without ? at its front"},
		"connectionString": unsupported("reads no connection string: use accountKey or sasToken"),
	}).rejectIf(azureHost("knows no endpoint but <account>.<domain>: leave spec.azure.endpoint out")),
	gcs:       allSupported(&gcsStore, supported("no --credentials-file"), nil).rejectIf(googleHost),
	endpoints: map[string]leadsElsewhere{"AZURE_STORAGE_DOMAIN": azureDomainElsewhere},
	rivals:    minioRivals,
}

func kopiaAzure(e *Environment) {
	e.azureSovereign("AZURE_STORAGE_DOMAIN", azureBlobHost)
}
