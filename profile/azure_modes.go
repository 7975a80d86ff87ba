package profile

import (
	"cmp"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// The names by which AZURE_TOKEN_CREDENTIALS narrows DefaultAzureCredential to one credential. The SDKs know them since
// azidentity 1.11.0 (Go), azure-identity 1.24.0 (Python), Azure.Identity 1.15.0 (.NET), azure-identity 1.17.0 (Java) and
// @azure/identity 4.11.0 (JavaScript), by their changelogs. The versions just before those know "dev" and "prod" only, and
// fail at any other value: azidentity 1.10, azure-identity 1.23 (Debian 13 has it), Azure.Identity 1.14, azure-identity
// 1.16.1 (Java), @azure/identity 4.10. All before those do not read the variable.
const (
	credentialEnvironment      = "EnvironmentCredential"
	credentialWorkloadIdentity = "WorkloadIdentityCredential"
	credentialManagedIdentity  = "ManagedIdentityCredential"
)

// podIdentityLabel is what aad-pod-identity's NMI finds a pod by (azure.github.io/aad-pod-identity, v1.8).
const podIdentityLabel = "aadpodidbinding"

// azureModes has a row for each auth mode of the API. Environment names and precedence: azidentity v1.14.1
// (azidentity.go, default_azure_credential.go), azure-identity 1.23 (_constants.py, _credentials/default.py).
var azureModes = []Mode{
	{
		// github.com/Azure/azure-workload-identity pkg/webhook/consts.go sets the same four. Python needs the authority host:
		// without it, azure-identity does not take the rest for a workload identity (_constants.py WORKLOAD_IDENTITY_VARS).
		Name:  "workloadIdentity",
		Rank:  rankWorkloadIdentity,
		isSet: func(s *v1alpha1.CredentialProfileSpec) bool { return s.Azure.Auth.WorkloadIdentity != nil },
		check: checkAzureWorkloadIdentity,
		Audience: func(s *v1alpha1.CredentialProfileSpec) string {
			wi := s.Azure.Auth.WorkloadIdentity
			if wi.IdentityBinding != nil && (wi.Audience == "" || wi.Audience == entraAudience) {
				return bindingAudience
			}
			return cmp.Or(wi.Audience, entraAudience)
		},
		IssuerCA: func(s *v1alpha1.CredentialProfileSpec) *v1alpha1.CAKeyRef {
			return bindingCA(s.Azure.Auth.WorkloadIdentity.IdentityBinding)
		},
		TokenService: func(s *v1alpha1.CredentialProfileSpec) (string, string) {
			if wi := s.Azure.Auth.WorkloadIdentity; wi.AuthorityHost != "" || wi.IdentityBinding != nil {
				return "", ""
			}
			return entraID, setAppend
		},
		annotations: func(s *v1alpha1.CredentialProfileSpec) []Annotation {
			wi := s.Azure.Auth.WorkloadIdentity
			return []Annotation{
				{Key: annotationAzureClientID, Value: wi.ClientID},
				{Key: annotationAzureTenantID, Value: wi.TenantID},
			}
		},
		addUploaderAuth: addWorkloadIdentityAuth,
		env: func(e *Environment) {
			wi := e.Spec.Azure.Auth.WorkloadIdentity
			e.addVar("AZURE_CLIENT_ID", wi.ClientID, groupAzure)
			e.addVar("AZURE_TENANT_ID", wi.TenantID, groupAzure)
			e.addVar("AZURE_FEDERATED_TOKEN_FILE", e.Files.Token, groupAzure)
			e.addVar("AZURE_AUTHORITY_HOST", cmp.Or(wi.AuthorityHost, e.cloud.authority), groupAzure)
			e.addVar("AZURE_TOKEN_CREDENTIALS", credentialWorkloadIdentity, GroupEntra|groupAzureChain)
			e.addIdentityBinding(wi.IdentityBinding)
		},
	},
	{
		Name:            "managedIdentity",
		Rank:            rankManagedIdentity,
		isSet:           func(s *v1alpha1.CredentialProfileSpec) bool { return s.Azure.Auth.ManagedIdentity != nil },
		LinkLocal:       instanceMetadata,
		addUploaderAuth: addManagedIdentityAuth,
		env: func(e *Environment) {
			e.addVar("AZURE_CLIENT_ID", e.Spec.Azure.Auth.ManagedIdentity.ClientID, groupAzure)
			e.addVar("AZURE_TOKEN_CREDENTIALS", credentialManagedIdentity, GroupEntra|groupAzureChain)
		},
	},
	{
		// NMI answers in place of the metadata service with the identity that the label binds.
		Name:  "podIdentityBinding",
		Rank:  rankManagedIdentity,
		isSet: func(s *v1alpha1.CredentialProfileSpec) bool { return s.Azure.Auth.PodIdentityBinding != "" },
		Label: func(s *v1alpha1.CredentialProfileSpec) (string, string) {
			return podIdentityLabel, s.Azure.Auth.PodIdentityBinding
		},
		LinkLocal: instanceMetadata,
		env: func(e *Environment) {
			e.addVar("AZURE_TOKEN_CREDENTIALS", credentialManagedIdentity, GroupEntra|groupAzureChain)
		},
	},
	{
		Name:  "servicePrincipal",
		Rank:  rankServicePrincipal,
		isSet: func(s *v1alpha1.CredentialProfileSpec) bool { return s.Azure.Auth.ServicePrincipal != nil },
		check: checkServicePrincipal,
		File: func(s *v1alpha1.CredentialProfileSpec) *v1alpha1.KeyRef {
			return s.Azure.Auth.ServicePrincipal.ClientCertificate
		},
		FileName:        azureCertificateFile,
		TokenService:    func(*v1alpha1.CredentialProfileSpec) (string, string) { return entraID, setAppend },
		addUploaderAuth: addServicePrincipalAuth,
		env: func(e *Environment) {
			sp := e.Spec.Azure.Auth.ServicePrincipal
			e.addVar("AZURE_CLIENT_ID", sp.ClientID, groupAzure)
			e.addVar("AZURE_TENANT_ID", sp.TenantID, groupAzure)
			e.addSecret("AZURE_CLIENT_SECRET", sp.ClientSecret, groupAzure)
			e.addVar("AZURE_CLIENT_CERTIFICATE_PATH", e.Files.Credentials, groupAzure)
			e.addVar("AZURE_AUTHORITY_HOST", e.cloud.authority, groupAzure)
			e.addVar("AZURE_TOKEN_CREDENTIALS", credentialEnvironment, GroupEntra|groupAzureChain)
		},
	},
	{
		Name:  "connectionString",
		Rank:  rankStorageKeys,
		isSet: func(s *v1alpha1.CredentialProfileSpec) bool { return s.Azure.Auth.ConnectionString != nil },
		check: func(p *problems, s *v1alpha1.CredentialProfileSpec) {
			p.checkKeyRef("spec.azure.auth.connectionString", s.Azure.Auth.ConnectionString)
		},
		env: func(e *Environment) {
			e.addSecret("AZURE_STORAGE_CONNECTION_STRING", e.Spec.Azure.Auth.ConnectionString, groupAzure)
		},
	},
	{
		Name:  "accountKey",
		Rank:  rankStorageKeys,
		isSet: func(s *v1alpha1.CredentialProfileSpec) bool { return s.Azure.Auth.AccountKey != nil },
		check: func(p *problems, s *v1alpha1.CredentialProfileSpec) {
			p.checkKeyRef("spec.azure.auth.accountKey", s.Azure.Auth.AccountKey)
		},
		env: func(e *Environment) {
			e.addSecret("AZURE_STORAGE_KEY", e.Spec.Azure.Auth.AccountKey, groupAzure|GroupAzureAccount)
		},
	},
	{
		Name:  "sasToken",
		Rank:  rankStorageKeys,
		isSet: func(s *v1alpha1.CredentialProfileSpec) bool { return s.Azure.Auth.SASToken != nil },
		check: func(p *problems, s *v1alpha1.CredentialProfileSpec) {
			p.checkKeyRef("spec.azure.auth.sasToken", s.Azure.Auth.SASToken)
		},
		env: func(e *Environment) {
			e.addSecret("AZURE_STORAGE_SAS_TOKEN", e.Spec.Azure.Auth.SASToken, groupAzure|GroupAzureAccount)
		},
	},
	{
		// The tool's own chain: whatever the pod has. Only what the chain cannot find out itself is said.
		Name:      "default",
		isSet:     func(s *v1alpha1.CredentialProfileSpec) bool { return s.Azure.Auth.Default != nil },
		LinkLocal: instanceMetadata,
		env: func(e *Environment) {
			if cloud := e.cloud; !cloud.isPublic() {
				e.addVar("AZURE_AUTHORITY_HOST", cloud.authority, groupAzure)
			}
		},
		addUploaderAuth:      addDefaultAuth,
		KeepsAmbientIdentity: true,
	},
}

// Words of the warning for a CA bundle that replaces the public roots.
const (
	entraID   = "Microsoft Entra ID"
	setAppend = "set caBundle.mode: Append"
)

// entraAudience is that of a token for Entra ID, in every cloud.
const entraAudience = "api://AzureADTokenExchange"

func checkAzureWorkloadIdentity(p *problems, s *v1alpha1.CredentialProfileSpec) {
	wi := s.Azure.Auth.WorkloadIdentity
	p.checkRequired("spec.azure.auth.workloadIdentity.clientID", wi.ClientID)
	p.checkRequired("spec.azure.auth.workloadIdentity.tenantID", wi.TenantID)
	p.checkTokenURL("spec.azure.auth.workloadIdentity.authorityHost", wi.AuthorityHost)
	p.checkIdentityBinding(wi.IdentityBinding)
}

func checkServicePrincipal(p *problems, s *v1alpha1.CredentialProfileSpec) {
	sp := s.Azure.Auth.ServicePrincipal
	p.checkRequired("spec.azure.auth.servicePrincipal.clientID", sp.ClientID)
	p.checkRequired("spec.azure.auth.servicePrincipal.tenantID", sp.TenantID)
	switch {
	case (sp.ClientSecret == nil) == (sp.ClientCertificate == nil):
		p.addInvalid("spec.azure.auth.servicePrincipal", "set exactly one of clientSecret and clientCertificate")
	case sp.ClientSecret != nil:
		p.checkKeyRef("spec.azure.auth.servicePrincipal.clientSecret", sp.ClientSecret)
	default:
		p.checkKeyRef("spec.azure.auth.servicePrincipal.clientCertificate", sp.ClientCertificate)
	}
}
