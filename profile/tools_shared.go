package profile

// This file holds what the rows of several tools share.

// joinPrefix joins a place and the prefix below it.
func joinPrefix(place, prefix string) string {
	if prefix == "" {
		return place
	}
	return place + "/" + prefix
}

// ownSTS refuses a token service of the store's own, for tools that only know Amazon's.
func ownSTS(why string) func(*Resolved) string {
	return func(r *Resolved) string {
		if r.Spec.S3.Auth.WebIdentity.STSEndpoint != "" {
			return why
		}
		return ""
	}
}

// azureHost refuses a blob service that is not at <account>.blob.<the cloud's suffix>.
func azureHost(why string) func(*Resolved) string {
	return func(r *Resolved) string {
		if r.hasCustomEndpoint() {
			return why
		}
		return ""
	}
}

// refuseAny refuses what one of several refuses.
func refuseAny(refusals ...func(*Resolved) string) func(*Resolved) string {
	return func(r *Resolved) string {
		for _, refuse := range refusals {
			if why := refuse(r); why != "" {
				return why
			}
		}
		return ""
	}
}

// googleHost refuses a storage service that is not Google's own, for tools written in Go.
func googleHost(r *Resolved) string {
	if r.Spec.GCS.Endpoint != "" {
		return "its Google library has no variable for spec.gcs.endpoint that keeps authentication: use Google's endpoint, or an s3 profile with preset GCSInterop"
	}
	return ""
}

// azureSovereign adds a variable for clouds other than the public one.
func (e *Environment) azureSovereign(name string, value func(*azureCloud) string) {
	if cloud := e.cloud; !cloud.isPublic() {
		e.addVar(name, value(cloud), 0)
	}
}

func azureSuffix(c *azureCloud) string      { return c.suffix }
func azureBlobHost(c *azureCloud) string    { return "blob." + c.suffix }
func azureEnvironment(c *azureCloud) string { return c.environment }

// keyOf are the groups of what goes with one storage account.
const keyOf = groupAzure | GroupAzureAccount

// Sentences on several tools.
const (
	useAccessKey  = ": use accessKey"
	useGCSInterop = ": use an s3 profile with preset GCSInterop and an HMAC key"
	azureKeysOnly = "reads Azure account keys only: use accountKey"
	useDirectly   = ": leave identityBinding out and give the identity a federated credential for the cluster, or upload with the uploader, which can"
	// defaultChain is why what is built on DefaultAzureCredential cannot use an identity binding: azidentity v1.14.0-beta.2
	// and azure-identity 1.27.0 for Python took it out of it (their changelogs).
	defaultChain   = "its DefaultAzureCredential does not know AKS identity bindings" + useDirectly
	connectionOnly = "reads a connection string and nothing else: use connectionString"
)

// botoStore is S3 for what is built on boto3. Before botocore 1.31.0 (.changes/1.31.0.json), as in Debian 12, neither
// AWS_ENDPOINT_URL_S3 nor AWS_ENDPOINT_URL_STS is read: the store's address is given in an argument, "$LIGHTERMAN_ENDPOINT",
// and the token service is Amazon's.
var botoStore = allSupported(&s3Store, cell{}, (*Environment).needsCABundle).override(map[string]cell{
	"webIdentity": supported("with stsEndpoint: botocore 1.31.0"),
	"podIdentity": supported("botocore 1.32.0"),
})
