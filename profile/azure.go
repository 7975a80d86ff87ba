package profile

import (
	"cmp"
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
)

var azureStore = Store{
	Name:          "azure",
	scheme:        "azure",
	isSet:         func(s *v1alpha1.CredentialProfileSpec) bool { return s.Azure != nil },
	Location:      func(s *v1alpha1.CredentialProfileSpec) (string, string) { return s.Azure.Container, s.Azure.Prefix },
	bucketSource:  func(s *v1alpha1.CredentialProfileSpec) *v1alpha1.BucketSource { return s.Azure.ContainerFrom },
	modes:         azureModes,
	groups:        groupAzure | GroupAzureAccount | groupAzureEndpoint | groupRequestsCA,
	IdentityGroup: groupAzure, identities: azureIdentities, rivals: azureRivals,
	endpoints:         map[string]leadsElsewhere{"AZURE_STORAGE_SERVICE_ENDPOINT": azureElsewhere},
	CloudWebhooks:     azureCloudWebhooks,
	check:             checkAzure,
	env:               azureEnv,
	configureUploader: configureAzureUploader,
}

// azureCloud is what the SDKs and the tools must know of a cloud.
type azureCloud struct {
	name v1alpha1.AzureCloud
	// suffix ends the host names of its storage: <account>.blob.<suffix>.
	suffix string
	// authority is the URL of its Entra ID.
	authority string
	// environment is its name in the older Azure SDKs, which some tools kept.
	environment string
}

// azureClouds has a row for each AzureCloud of the API: azcore v1.23.1 cloud/cloud.go for the authorities; learn.microsoft.com
// (azure-government/compare-azure-government-global-azure, azure/china/resources-developer-guide) for the suffixes;
// go-autorest's azure/environments.go for the names.
var azureClouds = [...]azureCloud{
	{"AzurePublic", "core.windows.net", "https://login.microsoftonline.com/", "AzurePublicCloud"},
	{"AzureUSGovernment", "core.usgovcloudapi.net", "https://login.microsoftonline.us/", "AzureUSGovernmentCloud"},
	{"AzureChina", "core.chinacloudapi.cn", "https://login.chinacloudapi.cn/", "AzureChinaCloud"},
}

// cloudOf returns the cloud of a store; nil for a name that the API does not have.
func cloudOf(az *v1alpha1.AzureStore) *azureCloud {
	for i := range azureClouds {
		if c := &azureClouds[i]; c.name == az.Cloud || (az.Cloud == "" && i == 0) {
			return c
		}
	}
	if az.Cloud != v1alpha1.AzureCloudOther {
		return nil
	}
	c := &azureCloud{name: az.Cloud}
	if other := az.OtherCloud; other != nil {
		c.suffix, c.authority = other.StorageSuffix, other.AuthorityHost
	}
	return c
}

// isPublic reports whether the store is in the cloud that every tool takes for granted.
func (c *azureCloud) isPublic() bool { return c == &azureClouds[0] }

// azureAccount returns the storage account's name, which a Secret may hold: then as a reference to the neutral variable
// that is injected before all others.
func azureAccount(az *v1alpha1.AzureStore) string {
	return cmp.Or(az.StorageAccount, "$(LIGHTERMAN_STORAGE_ACCOUNT)")
}

// azureEndpoint returns the URL of the blob service, without a slash at its end.
func (r *Resolved) azureEndpoint() string {
	az := r.Spec.Azure
	if az.Endpoint != "" {
		return strings.TrimRight(az.Endpoint, "/")
	}
	return "https://" + azureAccount(az) + ".blob." + r.cloud.suffix
}

// addAccount adds the storage account's name under one of the names that tools have for it.
func (e *Environment) addAccount(name string, groups Group) {
	if az := e.Spec.Azure; az.StorageAccountFrom != nil {
		e.addSecret(name, az.StorageAccountFrom, groups)
	} else {
		e.addVar(name, az.StorageAccount, groups)
	}
}

// azureEnv is the environment of azidentity (Go, Python) and of the az CLI. The SDKs read no storage variable by
// themselves; AZURE_STORAGE_* are the CLI's (azure-cli 2.74, command_modules/storage), which barman and others took over.
func azureEnv(e *Environment) {
	az := e.Spec.Azure
	e.addVar("LIGHTERMAN_PROVIDER", "azure", 0)
	e.addAccount("LIGHTERMAN_STORAGE_ACCOUNT", 0)
	e.addBucket()
	e.addVar("LIGHTERMAN_PREFIX", e.Prefix(), 0)
	e.addVar("LIGHTERMAN_ENDPOINT", e.azureEndpoint(), 0)
	e.addCAFiles()
	e.addVar("LIGHTERMAN_TOKEN_FILE", e.Files.Token, groupAzure)

	if az.Auth.ConnectionString == nil { // It names the account itself.
		e.addAccount("AZURE_STORAGE_ACCOUNT", GroupAzureAccount)
	}
	if az.Endpoint != "" || az.OtherCloud != nil { // The CLI knows the suffixes of the others.
		e.addVar("AZURE_STORAGE_SERVICE_ENDPOINT", e.azureEndpoint(), groupAzureEndpoint)
	}
	e.caFiles()
	e.addIdentity()
}

// caFiles adds the CA bundle for programs that speak neither AWS's dialect nor one of their own: Python's requests takes
// the file instead of certifi's roots (requests 2.32 sessions.py), Go and OpenSSL take theirs instead of the system's
// (crypto/x509/root_unix.go; Go goes on reading /etc/ssl/certs).
func (e *Environment) caFiles() {
	e.addVar("REQUESTS_CA_BUNDLE", e.Files.CA, groupRequestsCA)
	e.addVar("SSL_CERT_FILE", e.Files.CA, 0)
}

func checkAzure(p *problems, r *Resolved) {
	az := r.Spec.Azure
	p.checkBucket("azure", "container", az.Container, az.ContainerFrom)
	// The SDKs sign requests with an account's key, and never send it; default may find a key, too.
	p.checkBearerURL("spec.azure.endpoint", az.Endpoint, az.Auth.AccountKey != nil || az.Auth.ConnectionString != nil || az.Auth.Default != nil,
		"accountKey, connectionString and default")
	p.checkAzureEndpoint(r)
	p.checkAzureCloud(r)
	if (az.StorageAccount == "") == (az.StorageAccountFrom == nil) {
		p.addInvalid("spec.azure", "set exactly one of storageAccount and storageAccountFrom")
	} else if az.StorageAccountFrom != nil {
		p.checkKeyRef("spec.azure.storageAccountFrom", az.StorageAccountFrom)
	}
}
