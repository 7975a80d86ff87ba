package profile

import "slices"

// This file holds what a container may say of rclone's remote LIGHTERMAN itself: of that remote, or of all remotes of a backend,
// which stands behind that (docs/content/docs.md of 1.76, "Precedence"; fs/configmap.go). Other remotes are the container's own.

// rcloneNames returns the variables of a backend's options.
func rcloneNames(backend string, options ...string) []string {
	names := make([]string, 0, 2*len(options))
	for _, option := range options {
		names = append(names, rcloneRemote+option, "RCLONE_"+backend+"_"+option)
	}
	return names
}

// The options by which the backends are told an identity without ENV_AUTH (backend/s3/s3.go s3Connection,
// backend/azureblob/auth/auth.go, backend/googlecloudstorage/googlecloudstorage.go NewFs).
var (
	rcloneS3Keys   = []string{"ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"}
	rcloneS3Files  = []string{"SHARED_CREDENTIALS_FILE", "PROFILE"} // Beside ENV_AUTH.
	rcloneAzureOne = []string{
		"KEY", "SAS_URL", "CONNECTION_STRING", "SERVICE_PRINCIPAL_FILE", "USE_MSI", "USE_AZ", "USE_EMULATOR",
	}
	rcloneAzureMSI = []string{"MSI_CLIENT_ID", "MSI_OBJECT_ID", "MSI_MI_RES_ID"}
	rcloneAzureApp = []string{
		"CLIENT_ID", "TENANT", "CLIENT_SECRET", "CLIENT_CERTIFICATE_PATH", "CLIENT_CERTIFICATE_PASSWORD",
		"USERNAME", "PASSWORD",
	}
	rcloneGoogle = []string{"SERVICE_ACCOUNT_FILE", "SERVICE_ACCOUNT_CREDENTIALS", "ACCESS_TOKEN", "TOKEN", "ANONYMOUS"}
)

// rcloneGroups returns the groups of its variables. ENV_AUTH comes before every other identity of Azure, and before some of Google:
// beside one of the container's own it must not be there.
func rcloneGroups() map[string]Group {
	groups := map[string]Group{rcloneRemote + "TYPE": groupRclone, rcloneRemote + "ENV_AUTH": groupRcloneAuth}
	add := func(g Group, names []string) {
		for _, name := range names {
			groups[name] |= g
		}
	}
	add(groupIdentity|groupRcloneAuth, rcloneNames("S3", rcloneS3Keys...))
	add(groupIdentity, rcloneNames("S3", rcloneS3Files...))
	azure := slices.Concat(rcloneAzureOne, rcloneAzureMSI, rcloneAzureApp)
	add(groupAzure|groupRcloneAuth, rcloneNames("AZUREBLOB", azure...))
	add(groupGoogle|groupRcloneAuth, rcloneNames("GCS", rcloneGoogle...))
	return groups
}

func rcloneIdentities() []Identity {
	s3 := func(option string) []string { return rcloneNames("S3", option) }
	azure := func(options ...string) []string { return rcloneNames("AZUREBLOB", options...) }
	return []Identity{
		whole(s3("ACCESS_KEY_ID"), s3("SECRET_ACCESS_KEY")).and(s3("SESSION_TOKEN")...),
		whole(rcloneNames("S3", rcloneS3Files...)),
		whole(azure(rcloneAzureOne...)).and(azure(rcloneAzureMSI...)...),
		whole(azure("CLIENT_ID"), azure("TENANT"), azure("CLIENT_SECRET")),
		whole(azure("CLIENT_ID"), azure("TENANT"), azure("CLIENT_CERTIFICATE_PATH")).
			and(azure("CLIENT_CERTIFICATE_PASSWORD")...),
		whole(azure("CLIENT_ID"), azure("TENANT"), azure("USERNAME"), azure("PASSWORD")),
		whole(rcloneNames("GCS", rcloneGoogle...)),
	}
}

// rcloneRivals are identities for all remotes of a backend. An empty one is none.
var rcloneRivals = func() []Rival {
	google := []string{"gkeWorkloadIdentity", "workloadIdentityFederation", "serviceAccountKey"}
	s3 := []string{"webIdentity", "podIdentity", "accessKey", "credentialsFile"}
	return []Rival{
		{Name: "RCLONE_S3_ACCESS_KEY_ID", before: s3},
		{Name: "RCLONE_S3_SECRET_ACCESS_KEY", before: s3},
		{Name: "RCLONE_GCS_SERVICE_ACCOUNT_FILE", before: google},
		{Name: "RCLONE_GCS_SERVICE_ACCOUNT_CREDENTIALS", before: google},
	}
}()

// rcloneBackendElsewhere takes the endpoint of all remotes of a backend, which counts where the remote has none of its own.
func rcloneBackendElsewhere(r *Resolved, value string) bool {
	return !r.hasRcloneEndpoint() && anyElsewhere(r, value)
}

// hasRcloneEndpoint reports whether the remote is told an endpoint.
func (r *Resolved) hasRcloneEndpoint() bool {
	switch {
	case r.Spec.S3 != nil:
		return r.location.endpoint != ""
	case r.Spec.Azure != nil:
		return r.Spec.Azure.Endpoint != "" || !r.cloud.isPublic()
	}
	return r.Spec.GCS.Endpoint != ""
}
