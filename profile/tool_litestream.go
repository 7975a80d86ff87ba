package profile

import "slices"

// litestream 0.5.18 (aws-sdk-go-v2): cmd/litestream/main.go, s3, abs and gs. It takes its location in arguments, or in its
// configuration, which may refer to the neutral variables as ${NAME}.
var litestream = dialect{
	name: "litestream", version: "0.5.18",
	proxy: "Go's net/http (s3/replica_client.go)",
	s3: allSupported(&s3Store, cell{}, func(e *Environment) {
		// Its VFS reads this one (s3/replica_client.go NewReplicaClientFromURL), and the program AWS_ENDPOINT_URL_S3.
		e.addVar("LITESTREAM_S3_ENDPOINT", e.location.endpoint, groupEndpoint)
		e.breaksOnCABundle()
	}).override(map[string]cell{
		"webIdentity": {chain: chainOfGoSDK},
		"accessKey":   supported("its VFS drops a session token, the program does not"),
	}),
	azure: allSupported(&azureStore, cell{}, nil).override(map[string]cell{
		// abs/replica_client.go: NewDefaultAzureCredential(nil).
		"workloadIdentity": {note: "not with identityBinding", refuse: noIdentityBinding(defaultChain)},
		"accountKey": withEnv(func(e *Environment) {
			e.addSecret("LITESTREAM_AZURE_ACCOUNT_KEY", e.Spec.Azure.Auth.AccountKey, keyOf)
		}),
		"sasToken": withEnv(func(e *Environment) {
			e.addSecret("LITESTREAM_AZURE_SAS_TOKEN", e.Spec.Azure.Auth.SASToken, keyOf)
		}),
		"connectionString": unsupported("reads no connection string: use accountKey or sasToken"),
	}),
	gcs:       allSupported(&gcsStore, cell{}, nil).rejectIf(googleHost),
	endpoints: map[string]leadsElsewhere{"LITESTREAM_S3_ENDPOINT": s3Elsewhere},
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
