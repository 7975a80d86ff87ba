package injector

import "lighterman.dev/lighterman/api/v1alpha1"

// barman-cloud-*: EnterpriseDB/barman 3.17.0 cloud_providers/{aws_s3,azure_blob_storage,google_cloud_storage}.py. It is
// told its location in arguments, and reads boto3's, azure-identity's and Google's variables, and the az CLI's names of
// keys.
var barman = dialect{
	name: "barman", version: "3.17.0",
	s3: allOf(&s3Store, cell{}, (*environment).needsCABundle).but(map[string]cell{
		"podIdentity": yes("botocore 1.32.0"),
	}),
	azure: allOf(&azureStore, cell{}, nil).but(map[string]cell{
		"workloadIdentity": yes("azure-identity; no --credential, or default"),
		"managedIdentity":  yes("no --credential, or default: managed-identity does not read AZURE_CLIENT_ID"),
	}).unless(func(s *v1alpha1.CredentialProfileSpec) string {
		// _parse_url takes every other host for an emulator's, and demands a connection string.
		if (s.Azure.Endpoint == "" && cloudOf(s.Azure).public()) || s.Azure.Auth.ConnectionString != nil {
			return ""
		}
		return "outside of *.blob.core.windows.net it takes a connection string only: use connectionString"
	}),
	gcs: allOf(&gcsStore, cell{}, nil).but(map[string]cell{
		"workloadIdentityFederation": {
			note: "needs projectID",
			// storage.Client() asks the Resource Manager otherwise, and fails where that is not allowed.
			refuse: func(s *v1alpha1.CredentialProfileSpec) string {
				if s.GCS.ProjectID == "" {
					return "Google's Python library cannot tell the project from a federated identity: set spec.gcs.projectID"
				}
				return ""
			},
		},
	}),
}

// duplicity 0.8.22 and 3.0.4, as in Debian: duplicity/backends.
var duplicity = dialect{
	name: "duplicity", version: "3.0.4",
	s3: allOf(&s3Store, cell{}, (*environment).needsCABundle).but(map[string]cell{
		"podIdentity": yes("botocore 1.32.0"),
	}),
	azure: noneOf(&azureStore, connectionOnly).but(map[string]cell{
		"connectionString": with(func(e *environment) {
			e.secret("AZURE_CONNECTION_STRING", e.spec.Azure.Auth.ConnectionString, groupAzure)
		}),
	}),
	gcs: noneOf(&gcsStore, "has no backend for Google Cloud Storage since 3.0, and before that HMAC keys only"+useGCSInterop),
}
