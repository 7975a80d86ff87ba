package profile

// s3proxy is the server S3Proxy 4.0.0 in front of Azure (run-docker-container.sh, README): what its clients need is an s3
// profile with preset S3Proxy.
var s3proxy = dialect{
	name: "s3proxy", version: "4.0.0",
	ignoresProxy: "takes no proxy from variables by itself: give its Java -Djava.net.useSystemProxies=true, which the Azure SDK for Java asks for (azure-core, ProxyOptions.java)",
	s3:           noneSupported(&s3Store, "is the S3Proxy server in front of Azure; its clients need no tool: use preset S3Proxy"),
	azure: noneSupported(&azureStore, "takes Entra ID only where JCLOUDS_IDENTITY and JCLOUDS_CREDENTIAL are empty, and Lighterman injects no empty variable: use accountKey, or leave s3proxy out of the tools and set both to \"\" in the container").override(map[string]cell{
		"accountKey": withEnv(func(e *Environment) {
			e.addVar("JCLOUDS_PROVIDER", "azureblob", 0)
			e.addVar("JCLOUDS_ENDPOINT", e.azureEndpoint(), 0)
			e.addAccount("JCLOUDS_IDENTITY", GroupAzureAccount|groupAzure)
			e.addSecret("JCLOUDS_CREDENTIAL", e.Spec.Azure.Auth.AccountKey, keyOf)
		}),
		"connectionString": unsupported("reads no connection string: use accountKey"),
		"sasToken":         unsupported("takes no SAS token from the environment: use accountKey"),
	}),
	gcs: noneSupported(&gcsStore, "wants the e-mail and the private key of an account, which are inside the key file: use an s3 profile with preset GCSInterop without S3Proxy"),
	// A file comes before the variable, and an empty name is none (src/main/config/run-docker-container.sh).
	prefix: "JCLOUDS_", repository: groupS3Proxy,
	groups: map[string]Group{
		"JCLOUDS_PROVIDER": groupS3Proxy,
		"JCLOUDS_IDENTITY": groupAzure, "JCLOUDS_IDENTITY_FILE": groupAzure,
		"JCLOUDS_CREDENTIAL": groupAzure, "JCLOUDS_CREDENTIAL_FILE": groupAzure,
	},
	endpoints: map[string]leadsElsewhere{"JCLOUDS_ENDPOINT": azureElsewhere},
	identities: []Identity{
		whole(anyOf("JCLOUDS_IDENTITY", "JCLOUDS_IDENTITY_FILE"), anyOf("JCLOUDS_CREDENTIAL", "JCLOUDS_CREDENTIAL_FILE")),
	},
	rivals: []Rival{
		{Name: "JCLOUDS_IDENTITY_FILE", before: []string{"accountKey"}},
		{Name: "JCLOUDS_CREDENTIAL_FILE", before: []string{"accountKey"}},
	},
}
