package uploader

import (
	"slices"
	"strings"
)

// Auth is how the sidecar authenticates. Mode is a name of the profile's API; its AuthMode lists the fields that
// it takes.
type Auth struct {
	Mode string `json:"mode"`
	// TokenFile is the projected service-account token.
	TokenFile string `json:"tokenFile,omitzero"`
	// File is a file of credentials: AWS's shared credentials, Google's JSON, or a certificate with its key in PEM.
	File string `json:"file,omitzero"`
	// SecretsDirectory holds the mode's static secrets, each in the file SecretFile; empty: they are in variables.
	SecretsDirectory string `json:"secretsDirectory,omitzero"`
	// SecretKeys tell people where a secret comes from, by its variable: "Secret minio, key id". May be empty.
	SecretKeys map[string]string `json:"secretKeys,omitempty"`
	// RoleARN is the role of AWS; STSEndpoint is a URL, empty: Amazon's own of the region.
	RoleARN     string `json:"roleARN,omitzero"`
	STSEndpoint string `json:"stsEndpoint,omitzero"`
	// AssumeRoleARN is a second role, which the first assumes; empty: none. ExternalID and SessionName go with it.
	AssumeRoleARN string `json:"assumeRoleARN,omitzero"`
	ExternalID    string `json:"externalID,omitzero"`
	SessionName   string `json:"sessionName,omitzero"`
	// CredentialsURL is where the EKS Pod Identity agent answers; empty: its usual address.
	CredentialsURL string `json:"credentialsURL,omitzero"`
	// ClientID and TenantID are UUIDs of Entra ID; AuthorityHost is its URL, empty: the cloud's own.
	ClientID      string `json:"clientID,omitzero"`
	TenantID      string `json:"tenantID,omitzero"`
	AuthorityHost string `json:"authorityHost,omitzero"`
	// TokenProxy is the URL of the token proxy of an AKS identity binding, which takes the place of AuthorityHost; empty:
	// there is none. SNIName is the name in its certificate, and TokenProxyCA the file of the authority that signed that.
	TokenProxy   string `json:"tokenProxy,omitzero"`
	SNIName      string `json:"sniName,omitzero"`
	TokenProxyCA string `json:"tokenProxyCA,omitzero"`
}

// AuthMode is an auth mode of a store: what the sidecar must know to use it.
type AuthMode struct {
	// Name is the mode's field in the profile's API.
	Name string
	// Required and Optional are fields of Auth, as JSON names them. Every other one must be empty.
	Required, Optional []string
	// Secrets are the variables that hold the mode's secrets where Auth.SecretsDirectory is empty.
	Secrets []string
}

// The auth modes of the stores: a row for each one of the profile's API. The profile has a row of the same name, and the store's
// package makes the credential.
var (
	s3Modes = []AuthMode{
		{
			Name: "webIdentity", Required: []string{"roleARN", "tokenFile"},
			Optional: []string{"stsEndpoint", "assumeRoleARN", "externalID", "sessionName"},
		},
		{Name: "podIdentity", Required: []string{"tokenFile"}, Optional: []string{"credentialsURL"}},
		{
			Name: "accessKey", Optional: []string{"secretsDirectory"},
			Secrets: []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"},
		},
		{Name: "credentialsFile", Required: []string{"file"}},
		{Name: "ambient"},
	}
	azureModes = []AuthMode{
		{
			Name: "workloadIdentity", Required: []string{"clientID", "tenantID", "tokenFile"},
			Optional: []string{"authorityHost", "tokenProxy", "sniName", "tokenProxyCA"},
		},
		{Name: "managedIdentity", Optional: []string{"clientID"}},
		{Name: "podIdentityBinding"},
		{
			Name: "servicePrincipal", Required: []string{"clientID", "tenantID"},
			Optional: []string{"file", "secretsDirectory", "authorityHost"}, Secrets: []string{"AZURE_CLIENT_SECRET"},
		},
		{
			Name: "connectionString", Optional: []string{"secretsDirectory"},
			Secrets: []string{"AZURE_STORAGE_CONNECTION_STRING"},
		},
		{Name: "accountKey", Optional: []string{"secretsDirectory"}, Secrets: []string{"AZURE_STORAGE_KEY"}},
		{Name: "sasToken", Optional: []string{"secretsDirectory"}, Secrets: []string{"AZURE_STORAGE_SAS_TOKEN"}},
		{Name: "default", Optional: []string{"clientID", "tenantID", "authorityHost"}},
	}
	gcsModes = []AuthMode{
		{Name: "gkeWorkloadIdentity"},
		{Name: "workloadIdentityFederation", Required: []string{"file"}, Optional: []string{"tokenFile"}},
		{Name: "serviceAccountKey", Required: []string{"file"}},
		{Name: "ambient"},
	}
)

// AuthModes returns the auth modes of a store; none for a store that does not exist.
func AuthModes(storeName string) []AuthMode {
	for i := range stores {
		if stores[i].name == storeName {
			return stores[i].modes
		}
	}
	return nil
}

// findAuthMode returns an auth mode of a store, and whether there is one of the name.
func findAuthMode(storeName, name string) (AuthMode, bool) {
	modes := AuthModes(storeName)
	i := slices.IndexFunc(modes, func(m AuthMode) bool { return m.Name == name })
	if i < 0 {
		return AuthMode{}, false
	}
	return modes[i], true
}

// SecretVariables returns the names of the variables that hold the secrets of a store's auth mode.
func SecretVariables(storeName, mode string) []string {
	m, _ := findAuthMode(storeName, mode)
	return m.Secrets
}

// DescribeSecret returns the name of a secret's variable, with the Secret and the key where they are known.
func (a *Auth) DescribeSecret(variable string) string {
	if from := a.SecretKeys[variable]; from != "" {
		return variable + " (" + from + ")"
	}
	return variable
}

// SecretFile returns the name of the file in Auth.SecretsDirectory that holds the secret of a variable.
func SecretFile(variable string) string {
	return strings.ReplaceAll(strings.ToLower(variable), "_", "-")
}

// namedFields returns the fields of Auth, as JSON names them, without the mode.
func (a *Auth) namedFields() []struct{ name, value string } {
	return []struct{ name, value string }{
		{"tokenFile", a.TokenFile},
		{"file", a.File},
		{"secretsDirectory", a.SecretsDirectory},
		{"roleARN", a.RoleARN},
		{"stsEndpoint", a.STSEndpoint},
		{"assumeRoleARN", a.AssumeRoleARN},
		{"externalID", a.ExternalID},
		{"sessionName", a.SessionName},
		{"credentialsURL", a.CredentialsURL},
		{"clientID", a.ClientID},
		{"tenantID", a.TenantID},
		{"authorityHost", a.AuthorityHost},
		{"tokenProxy", a.TokenProxy},
		{"sniName", a.SNIName},
		{"tokenProxyCA", a.TokenProxyCA},
	}
}
