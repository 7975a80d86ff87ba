package profile

import "slices"

// restic 0.19.1: internal/backend/{s3,azure,gs}, doc/075_scripting.rst.
var restic = dialect{
	name: "restic", version: "0.19.1",
	s3: allSupported(&s3Store, cell{}, func(e *Environment) {
		e.addVar("RESTIC_REPOSITORY", "s3:"+joinPrefix(e.s3URL()+"/"+e.bucket(), e.Prefix()), 0)
		e.addVar("RESTIC_CACERT", e.Files.CA, 0) // AWS_CA_BUNDLE is not read; this one covers the token service, too.
	}).override(map[string]cell{
		"webIdentity": {note: "not with stsEndpoint", refuse: refuseAny(minioGo.refuseSTS, ownSTS("its S3 library knows Amazon's token service only, and not webIdentity.stsEndpoint"+useAccessKey))},
		"podIdentity": supported("restic 0.18.0"),
	}),
	azure: allSupported(&azureStore, supported("restic 0.16.0"), func(e *Environment) {
		e.addVar("RESTIC_REPOSITORY", "azure:"+e.bucket()+":/"+e.Prefix(), 0)
		e.addAccount("AZURE_ACCOUNT_NAME", GroupAzureAccount)
		e.azureSovereign("AZURE_ENDPOINT_SUFFIX", azureSuffix)
		e.addVar("RESTIC_CACERT", e.Files.CA, 0) // Entra ID is checked by SSL_CERT_FILE.
	}).override(map[string]cell{
		"workloadIdentity": {note: "restic 0.16.0; not with identityBinding", refuse: noIdentityBinding(defaultChain)},
		"accountKey": withEnv(func(e *Environment) {
			e.addSecret("AZURE_ACCOUNT_KEY", e.Spec.Azure.Auth.AccountKey, keyOf)
		}),
		"sasToken": withEnv(func(e *Environment) {
			e.addSecret("AZURE_ACCOUNT_SAS", e.Spec.Azure.Auth.SASToken, keyOf)
		}),
		"connectionString": unsupported("reads no connection string: use accountKey or sasToken"),
	}).rejectIf(azureHost("knows no endpoint but <account>.blob.<suffix>: leave spec.azure.endpoint out")),
	gcs: allSupported(&gcsStore, cell{}, func(e *Environment) {
		e.addVar("RESTIC_REPOSITORY", "gs:"+e.bucket()+":/"+e.Prefix(), 0)
		e.addVar("GOOGLE_PROJECT_ID", e.Spec.GCS.ProjectID, groupGoogleProject)
		e.addVar("RESTIC_CACERT", e.Files.CA, 0)
	}).rejectIf(googleHost),
	groups: map[string]Group{"AZURE_ACCOUNT_NAME": GroupAzureAccount, "GOOGLE_PROJECT_ID": groupGoogleProject},
	rivals: append([]Rival{
		{Name: "AZURE_ACCOUNT_KEY", before: slices.Concat(azureTokens, []string{"sasToken"})},
		{Name: "AZURE_ACCOUNT_SAS", before: azureTokens},
		{Name: "AZURE_FORCE_CLI_CREDENTIAL", before: azureTokens},
		{
			Name:   "GOOGLE_ACCESS_TOKEN",
			before: []string{"gkeWorkloadIdentity", "workloadIdentityFederation", "serviceAccountKey"},
		},
	}, minioRivals...),
}
