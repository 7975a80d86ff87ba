package profile

import (
	"cmp"
	"slices"
	"strings"
)

// restic 0.19.1: internal/backend/{s3,azure,gs}, doc/075_scripting.rst.
var restic = dialect{
	name: "restic", version: "0.19.1",
	takesTenant: true, // minio-go, as kopia.
	proxy:       "Go's net/http (internal/backend/http_transport.go)",
	// The first element of a URL's path is the bucket (s3/config.go ParseConfig).
	s3: allSupported(&s3Store, cell{}, func(e *Environment) {
		e.addVar("RESTIC_REPOSITORY", "s3:"+joinPrefix(e.s3URL()+"/"+e.bucket(), e.Prefix()), 0)
		e.addVar("RESTIC_CACERT", e.Files.CA, 0) // AWS_CA_BUNDLE is not read; this one covers the token service, too.
	}).override(map[string]cell{
		"webIdentity": {
			chain:  chainCell{env: resticRoles},
			note:   "not with stsEndpoint, nor in " + sovereignAndISO + "; with assumeRole: restic 0.17.0, for a run of at most an hour, and programs of the container with an AWS SDK for Go act as the first role",
			refuse: refuseAny(minioGo.refuseSTS, ownSTS("its S3 library knows Amazon's token service only, and not webIdentity.stsEndpoint"+useAccessKey)),
		},
		"podIdentity": supported("restic 0.18.0"),
	}).rejectIf(basePath("takes the first part of a path in spec.s3.endpoint for the bucket" + useOtherForPath)),
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
	}).override(map[string]cell{
		// internal/backend/gs/gs.go: google.DefaultTokenSource of golang.org/x/oauth2.
		"serviceAccountKey": {note: keyNote, refuse: otherUniverse(keyElsewhere)},
	}).rejectIf(googleHost),
	archives: []string{"RESTIC_REPOSITORY"},
	sharing:  "has one password for it, by which each can read and forget the snapshots of all",
	// With a repository and a file that names one it ends at once, and so with two ways to its password, which spec.env may have
	// (internal/global/global.go). RESTIC_FROM_* are another repository.
	groups: map[string]Group{
		"RESTIC_REPOSITORY": groupRestic, "RESTIC_REPOSITORY_FILE": groupRestic,
		"RESTIC_PASSWORD": groupResticPassword, "RESTIC_PASSWORD_FILE": groupResticPassword,
		"RESTIC_PASSWORD_COMMAND": groupResticPassword,
		"AZURE_ACCOUNT_NAME":      GroupAzureAccount, "GOOGLE_PROJECT_ID": groupGoogleProject,
		resticRole + "ARN": groupSecondRole, resticRole + "EXTERNAL_ID": groupSecondRole,
		resticRole + "SESSION_NAME": groupSecondRole,
	},
	endpoints: map[string]leadsElsewhere{
		"RESTIC_REPOSITORY": resticElsewhere, "AZURE_ENDPOINT_SUFFIX": azureDomainElsewhere,
	},
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

// resticRole begins the variables of the role that restic assumes with whatever identity it has found.
const resticRole = "RESTIC_AWS_ASSUME_ROLE_"

// resticRoles gives restic the first role, which its S3 library exchanges for the token, and the second, which it assumes itself
// (internal/backend/s3/s3.go getCredentials; the names: CHANGELOG.md, 0.17.0). It reads no configuration file. It renews the second
// role with the session that it got of the first at its start, which ends after an hour.
func resticRoles(e *Environment) {
	second := assumedRole(e.Spec)
	addFirstRole(e)
	e.addVar(resticRole+"ARN", second.RoleARN, groupSecondRole|groupIdentity)
	e.addVar(resticRole+"EXTERNAL_ID", second.ExternalID, groupSecondRole|groupIdentity)
	// STS demands one, and its library sends none of its own (minio-go v7.1.0 pkg/credentials/assume_role.go).
	e.addVar(resticRole+"SESSION_NAME", cmp.Or(second.SessionName, "lighterman"), groupSecondRole|groupIdentity)
	e.roles.needs = e.tool
}

// warnShortChain warns of a run that outlives the session of the first role.
func (r *Resolved) warnShortChain() string {
	if !r.assumesRole() || !slices.Contains(r.Tools, restic.name) {
		return ""
	}
	return assumeRoleField + ": restic renews the second role with the session of the first that it got at its start, which ends after an hour: a run that takes longer fails, so split it, or use another tool"
}

// resticElsewhere takes a repository. One of another kind of store gets nothing of the profile's identity.
func resticElsewhere(r *Resolved, value string) bool {
	place, isS3 := strings.CutPrefix(value, "s3:")
	return isS3 && s3Elsewhere(r, strings.TrimPrefix(place, "//"))
}
