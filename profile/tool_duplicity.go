package profile

// duplicity 0.8.22 and 3.0.4, as in Debian: duplicity/backends.
var duplicity = dialect{
	name: "duplicity", version: "3.0.4",
	proxy: "boto3 and azure-core read it (urllib, requests)",
	s3:    botoStore,
	azure: noneSupported(&azureStore, connectionOnly).override(map[string]cell{
		"connectionString": {
			// azurebackend.py takes all that follows azure:// for the container's name, and creates it if need be.
			note: "a whole container: azure://CONTAINER, without a prefix",
			env: func(e *Environment) {
				e.addSecret("AZURE_CONNECTION_STRING", e.Spec.Azure.Auth.ConnectionString, groupAzure)
			},
		},
	}),
	gcs: noneSupported(&gcsStore, "has no backend for Google Cloud Storage since 3.0, and before that HMAC keys only"+useGCSInterop),
}
