package profile

// barman-cloud-*: EnterpriseDB/barman 3.17.0 cloud_providers/{aws_s3,azure_blob_storage,google_cloud_storage}.py. It is
// told its location in arguments, and reads boto3's, azure-identity's and Google's variables, and the az CLI's names of
// keys. 3.4.0, as in Debian 12, has no --credential default: there the default is to give none.
var barman = dialect{
	name: "barman", version: "3.17.0",
	proxy: "boto3, azure-core and google-auth read it (urllib, requests)",
	s3:    botoStore,
	azure: allSupported(&azureStore, cell{}, nil).override(map[string]cell{
		"workloadIdentity": {
			note:   "azure-identity; no --credential, or default; not with identityBinding",
			refuse: noIdentityBinding(defaultChain),
		},
		"managedIdentity": supported("no --credential, or default: managed-identity does not read AZURE_CLIENT_ID"),
	}).rejectIf(func(r *Resolved) string {
		// _parse_url takes every other host for an emulator's, and demands a connection string.
		if (!r.hasCustomEndpoint() && r.cloud.isPublic()) || r.Spec.Azure.Auth.ConnectionString != nil {
			return ""
		}
		return "outside of *.blob.core.windows.net it takes a connection string only: use connectionString"
	}),
	gcs: allSupported(&gcsStore, cell{}, nil).override(map[string]cell{
		"workloadIdentityFederation": {
			note: "needs projectID",
			// storage.Client() asks the Resource Manager otherwise, and fails where that is not allowed.
			refuse: func(r *Resolved) string {
				if r.Spec.GCS.ProjectID == "" {
					return "Google's Python library cannot tell the project from a federated identity: set spec.gcs.projectID"
				}
				return ""
			},
		},
		// storage.Client() is made without options: it knows googleapis.com alone, and refuses credentials of another universe,
		// whatever the variables say (python-storage 3, abstracts/base_client.py).
	}).rejectIf(otherUniverse("Google's Python library reads the universe from its caller only, and barman does not set it" + useOtherUniverse)),
}
