package oracle

import (
	"net/url"
	"strings"
)

// AzureStorage returns what a program takes that looks for the storage account's own keys before it asks for a token.
func AzureStorage(env Env, files Files) Taken {
	for _, name := range []string{"AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_KEY"} {
		if value := env.Get(name); value != "" {
			return taken(StorageKey, []string{name}, value)
		}
	}
	return Azure(env, files)
}

// azureCredential is a link of DefaultAzureCredential's chain.
type azureCredential struct {
	name string
	// take returns what the credential gives; next is true where it is unavailable, and the chain goes on.
	take func(Env, Files) (t Taken, next bool)
}

// azureChain is azidentity v1.15.0 default_azure_credential.go. Behind it stand the command lines, which no image of ours has.
var azureChain = []azureCredential{
	{"EnvironmentCredential", azureEnvironment},
	{"WorkloadIdentityCredential", azureWorkload},
	{"ManagedIdentityCredential", azureManaged},
}

// azureCommandLines end the chain; they find no program.
var azureCommandLines = []string{"AzureCLICredential", "AzureDeveloperCLICredential", "AzurePowerShellCredential"}

// Azure returns what azidentity's DefaultAzureCredential takes. AZURE_TOKEN_CREDENTIALS narrows the chain; present and empty it
// is an invalid value.
func Azure(env Env, files Files) Taken {
	chain := azureChain
	if choice, set := env.Lookup("AZURE_TOKEN_CREDENTIALS"); set {
		var known bool
		if chain, known = azureNarrow(choice); !known {
			return failed("AZURE_TOKEN_CREDENTIALS is invalid")
		}
	}
	for _, credential := range chain {
		if t, next := credential.take(env, files); !next {
			return t
		}
	}
	return failed("no credential is available")
}

func azureNarrow(choice string) (chain []azureCredential, known bool) {
	switch choice {
	case "dev":
		return nil, true
	case "prod":
		return azureChain, true
	}
	for i := range azureChain {
		if strings.EqualFold(choice, azureChain[i].name) {
			return azureChain[i : i+1], true
		}
	}
	for _, name := range azureCommandLines {
		if strings.EqualFold(choice, name) {
			return nil, true
		}
	}
	return nil, false
}

// azureEnvironment is environment_credential.go: what is missing, or cannot be read, makes it unavailable. A secret goes before a
// certificate. A user's password is not modelled: it is deprecated there.
func azureEnvironment(env Env, files Files) (t Taken, next bool) {
	tenant, client := env.Get("AZURE_TENANT_ID"), env.Get("AZURE_CLIENT_ID")
	if tenant == "" || client == "" || !azureCanAsk(env, tenant) {
		return Taken{}, true
	}
	vars := []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID"}
	if secret := env.Get("AZURE_CLIENT_SECRET"); secret != "" {
		return taken(ServicePrincipal, append(vars, "AZURE_CLIENT_SECRET"), tenant, client, secret), false
	}
	if path := env.Get("AZURE_CLIENT_CERTIFICATE_PATH"); files.has(path, PEMFile) {
		return taken(Certificate, append(vars, "AZURE_CLIENT_CERTIFICATE_PATH"), tenant, client, files[path].Name), false
	}
	return Taken{}, true
}

// azureWorkload is workload_identity.go: it looks whether the variables are present, so that an empty one counts. A token that cannot
// be read, and a client that Entra ID does not know, are failures that end the chain.
func azureWorkload(env Env, files Files) (t Taken, next bool) {
	tenant, hasTenant := env.Lookup("AZURE_TENANT_ID")
	client, hasClient := env.Lookup("AZURE_CLIENT_ID")
	path, hasFile := env.Lookup("AZURE_FEDERATED_TOKEN_FILE")
	switch {
	case !hasTenant || !hasClient || !hasFile || !azureCanAsk(env, tenant):
		return Taken{}, true
	case !files.has(path, TokenFile):
		return failed("AZURE_FEDERATED_TOKEN_FILE: no such file"), false
	case client == "":
		return failed("AZURE_CLIENT_ID is empty"), false
	}
	vars := []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"}
	return taken(WorkloadIdentity, vars, tenant, client, files[path].Name), false
}

// azureManaged is managed_identity_credential.go, with the metadata service of the machine behind it: what it gives is the node's,
// but for pods that have one of their own there. A client's ID that is present and empty makes it unavailable (MSAL v1.10
// managedidentity.go, New).
func azureManaged(env Env, _ Files) (t Taken, next bool) {
	client, set := env.Lookup("AZURE_CLIENT_ID")
	switch {
	case !set:
		return node("", "the metadata service"), false
	case client == "":
		return Taken{}, true
	}
	return node(client, "the metadata service", "AZURE_CLIENT_ID"), false
}

// azureCanAsk is azidentity.go: validTenantID and setAuthorityHost.
func azureCanAsk(env Env, tenant string) bool {
	valid := func(r rune) bool {
		return ('0' <= r && r <= '9') || ('a' <= r && r <= 'z') || ('A' <= r && r <= 'Z') || r == '.' || r == '-'
	}
	if tenant == "" || strings.IndexFunc(tenant, func(r rune) bool { return !valid(r) }) >= 0 {
		return false
	}
	host := env.Get("AZURE_AUTHORITY_HOST")
	parsed, err := url.Parse(host)
	return host == "" || (err == nil && parsed.Scheme == "https")
}
