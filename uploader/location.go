package uploader

import "strings"

// S3 is a bucket of Amazon S3 or of a store that speaks its protocol.
type S3 struct {
	Bucket string `json:"bucket"`
	Region string `json:"region,omitzero"`
	// Endpoint is a URL; empty: Amazon's own.
	Endpoint       string `json:"endpoint,omitzero"`
	ForcePathStyle bool   `json:"forcePathStyle,omitzero"`
	// Checksums is WhenSupported, or WhenRequired for stores that do not know S3's additional checksums. Empty:
	// WhenSupported.
	Checksums string `json:"checksums,omitzero"`
	Auth      Auth   `json:"auth"`
}

// Azure is a container of Azure Blob Storage.
type Azure struct {
	// Account is the storage account's name; empty: it is in the variable AZURE_STORAGE_ACCOUNT, or part of the endpoint or
	// the connection string.
	Account   string `json:"account,omitzero"`
	Container string `json:"container"`
	// Endpoint is the URL of the blob service; empty: the cloud's own.
	Endpoint string `json:"endpoint,omitzero"`
	// Cloud is AzurePublic, AzureUSGovernment or AzureChina. Empty: AzurePublic.
	Cloud string `json:"cloud,omitzero"`
	Auth  Auth   `json:"auth"`
}

// GCS is a bucket of Google Cloud Storage.
type GCS struct {
	Bucket string `json:"bucket"`
	// ProjectID is for billing; empty: the bucket's own.
	ProjectID string `json:"projectID,omitzero"`
	// Endpoint is a URL; empty: Google's own.
	Endpoint string `json:"endpoint,omitzero"`
	Auth     Auth   `json:"auth"`
}

// Dir is a directory: a mounted file share, or a test.
type Dir struct {
	Path string `json:"path"`
}

// Auth is how the sidecar proves who it is. Mode is a name of the profile's API; which fields it takes is in authModes.
type Auth struct {
	Mode string `json:"mode"`
	// TokenFile is the projected service-account token.
	TokenFile string `json:"tokenFile,omitzero"`
	// File is a file of credentials: AWS's shared credentials, Google's JSON, or a certificate with its key in PEM.
	File string `json:"file,omitzero"`
	// SecretsDirectory holds the mode's static secrets, each in the file SecretFile; empty: they are in variables.
	SecretsDirectory string `json:"secretsDirectory,omitzero"`
	// RoleARN is the role of AWS; STSEndpoint is a URL, empty: Amazon's own of the region.
	RoleARN     string `json:"roleARN,omitzero"`
	STSEndpoint string `json:"stsEndpoint,omitzero"`
	// CredentialsURL is where the EKS Pod Identity agent answers; empty: its usual address.
	CredentialsURL string `json:"credentialsURL,omitzero"`
	// ClientID and TenantID are UUIDs of Entra ID; AuthorityHost is its URL, empty: the cloud's own.
	ClientID      string `json:"clientID,omitzero"`
	TenantID      string `json:"tenantID,omitzero"`
	AuthorityHost string `json:"authorityHost,omitzero"`
}

// authMode says what an auth mode takes.
type authMode struct {
	// required and optional are fields of Auth, as JSON names them. What is in neither is refused.
	required, optional []string
	// env are the variables that hold the mode's secrets where Auth.SecretsDirectory is empty.
	env []string
}

// authModes has a row for each store and auth mode of the profile's API.
var authModes = map[string]map[string]authMode{
	"s3": {
		"webIdentity":     {required: []string{"roleARN", "tokenFile"}, optional: []string{"stsEndpoint"}},
		"podIdentity":     {required: []string{"tokenFile"}, optional: []string{"credentialsURL"}},
		"accessKey":       {optional: []string{"secretsDirectory"}, env: []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}},
		"credentialsFile": {required: []string{"file"}},
		"ambient":         {},
	},
	"azure": {
		"workloadIdentity":   {required: []string{"clientID", "tenantID", "tokenFile"}, optional: []string{"authorityHost"}},
		"managedIdentity":    {optional: []string{"clientID"}},
		"podIdentityBinding": {},
		"servicePrincipal": {
			required: []string{"clientID", "tenantID"}, optional: []string{"file", "secretsDirectory", "authorityHost"},
			env: []string{"AZURE_CLIENT_SECRET"},
		},
		"connectionString": {optional: []string{"secretsDirectory"}, env: []string{"AZURE_STORAGE_CONNECTION_STRING"}},
		"accountKey":       {optional: []string{"secretsDirectory"}, env: []string{"AZURE_STORAGE_KEY"}},
		"sasToken":         {optional: []string{"secretsDirectory"}, env: []string{"AZURE_STORAGE_SAS_TOKEN"}},
		"default":          {optional: []string{"clientID", "tenantID", "authorityHost"}},
	},
	"gcs": {
		"gkeWorkloadIdentity":        {},
		"workloadIdentityFederation": {required: []string{"file"}, optional: []string{"tokenFile"}},
		"serviceAccountKey":          {required: []string{"file"}},
		"ambient":                    {},
	},
}

// SecretVariables are the variables in which the secrets of a store's auth mode are.
func SecretVariables(store, mode string) []string { return authModes[store][mode].env }

// SecretFile is the name of the file in Auth.SecretsDirectory that holds the secret of a variable.
func SecretFile(variable string) string {
	return strings.ReplaceAll(strings.ToLower(variable), "_", "-")
}

// fields are those of Auth, as JSON names them.
func (a *Auth) fields() []struct{ name, value string } {
	return []struct{ name, value string }{
		{"tokenFile", a.TokenFile},
		{"file", a.File},
		{"secretsDirectory", a.SecretsDirectory},
		{"roleARN", a.RoleARN},
		{"stsEndpoint", a.STSEndpoint},
		{"credentialsURL", a.CredentialsURL},
		{"clientID", a.ClientID},
		{"tenantID", a.TenantID},
		{"authorityHost", a.AuthorityHost},
	}
}

// Kind names the store and its auth mode, as the profile's API does; a directory has no mode.
func (c *Config) Kind() (store string, auth Auth) {
	switch {
	case c.S3 != nil:
		return "s3", c.S3.Auth
	case c.Azure != nil:
		return "azure", c.Azure.Auth
	case c.GCS != nil:
		return "gcs", c.GCS.Auth
	}
	return "dir", Auth{}
}
