package profile

// veleroFile is why Velero's Azure plugin takes little from the environment: pkg/util/azure/credential.go.
const veleroFile = "its Azure plugin reads keys, service principals and client IDs from its credentials file only: use workloadIdentity, or give Velero that file"

// velero (d30d389b) and its plugins for AWS (800bcfb1), Microsoft Azure (1b682ce1) and GCP (2cb9bfc3). The location is in the BackupStorageLocation. A credentials
// file that Velero is given itself (AWS_SHARED_CREDENTIALS_FILE, without --no-secret) is the container's own, and wins.
var velero = dialect{
	name: "velero", version: "d30d389b",
	// Its HTTP client is the SDK's own (velero-plugin-for-aws config.go), so AWS_CA_BUNDLE counts.
	s3: allSupported(&s3Store, cell{}, (*Environment).needsCABundle).override(map[string]cell{
		"webIdentity": supported("velero install --no-secret"),
		"podIdentity": supported("velero install --no-secret"),
	}),
	azure: noneSupported(&azureStore, veleroFile).override(map[string]cell{
		"workloadIdentity": supported("velero install --no-secret; useAAD in the BackupStorageLocation"),
		"managedIdentity": {
			note: "the system-assigned identity",
			refuse: func(r *Resolved) string {
				if r.Spec.Azure.Auth.ManagedIdentity.ClientID != "" {
					return veleroFile
				}
				return ""
			},
		},
		"podIdentityBinding": {},
	}),
	gcs:    allSupported(&gcsStore, cell{}, nil),
	rivals: []Rival{{Name: "AZURE_CREDENTIALS_FILE", before: azureTokens}},
}
