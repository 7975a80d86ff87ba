package v1alpha1

// AzureStore is an Azure Blob Storage container.
//
// +kubebuilder:validation:ExactlyOneOf=storageAccount;storageAccountFrom
// +kubebuilder:validation:ExactlyOneOf=container;containerFrom
// +kubebuilder:validation:XValidation:rule="!has(self.endpoint) || !isURL(self.endpoint) || url(self.endpoint).getScheme() != 'http' || has(self.auth.accountKey) || has(self.auth.connectionString) || has(self.auth.default)",message="must be an https URL with this auth mode, which sends a token: http is accepted with accountKey, connectionString and default",fieldPath=".endpoint"
// +kubebuilder:validation:XValidation:rule="has(self.otherCloud) == (has(self.cloud) && self.cloud == 'Other')",message="is required with cloud: Other, and not used with another",fieldPath=".otherCloud"
// +kubebuilder:validation:XValidation:rule="!has(self.otherCloud) || has(self.otherCloud.authorityHost) || !has(self.auth.servicePrincipal) && (!has(self.auth.workloadIdentity) || has(self.auth.workloadIdentity.authorityHost))",message="authorityHost is required with this auth mode, which asks the cloud's Entra ID for a token",fieldPath=".otherCloud.authorityHost",reason=FieldValueRequired
type AzureStore struct {
	// The storage account's name. Exactly one of storageAccount and storageAccountFrom.
	// +optional
	// +kubebuilder:validation:MaxLength=24
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]{3,24}$')",message="must be the name of a storage account: 3 to 24 lower-case letters and digits"
	StorageAccount string `json:"storageAccount,omitempty"`
	// Where the storage account's name is, in a Secret of the pod's namespace. Exactly one of storageAccount and
	// storageAccountFrom.
	// +optional
	StorageAccountFrom *KeyRef `json:"storageAccountFrom,omitempty"`

	// The container's name. Exactly one of container and containerFrom.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^([$]root|[$]web|[a-z0-9]([a-z0-9]|-[a-z0-9]){2,62})$')",message="must be the name of a container: 3 to 63 lower-case letters, digits and single dashes between them; for a name that a ConfigMap or a Secret holds use containerFrom"
	Container string `json:"container,omitempty"`
	// Where the container's name is, if only a ConfigMap or a Secret of the pod's namespace holds it. Exactly one of
	// container and containerFrom.
	// +optional
	ContainerFrom *BucketSource `json:"containerFrom,omitempty"`

	// The part of the container that the pods use, without a slash at either end. In it {namespace},
	// {serviceAccount}, {workload} and {pod} stand for the pod's own, and are filled in when it is admitted: {workload} is the
	// name of the CronJob, Job, Deployment, StatefulSet, DaemonSet or operator's cluster that the pod belongs to. Without
	// a placeholder all pods of the profile use the same place.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('/') && !self.endsWith('/')",message="must not begin or end with a slash"
	// +kubebuilder:validation:XValidation:rule=`!self.contains('$(') && self.matches('^\\P{Cc}*$')`,message="must not contain $( or control characters: for what differs between pods write {namespace}, {serviceAccount}, {workload} or {pod}"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([^{}]|[{](namespace|serviceAccount|workload|pod)[}])*$') && !self.contains('${')",message="has a brace that belongs to no placeholder: write {namespace}, {serviceAccount}, {workload} or {pod}"
	Prefix string `json:"prefix,omitempty"`

	// The URL of the blob service where it is not the cloud's own (https://<account>.blob.core.windows.net): a private
	// endpoint, Azurite. Not every tool can use one.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHost() != ''",message="must be a URL with a scheme, for example https://backups.blob.core.windows.net"
	// +kubebuilder:validation:XValidation:rule=`!self.contains('$(') && self.matches('^\\P{Cc}*$')`,message="must not contain $( or control characters: it becomes part of a variable, in which $(NAME) would be replaced"
	Endpoint string `json:"endpoint,omitempty"`

	// The cloud that the storage account is in. Default AzurePublic.
	// +optional
	// +default="AzurePublic"
	Cloud AzureCloud `json:"cloud,omitempty"`

	// Where a cloud is that is none of Microsoft's three: Azure Stack Hub, a national or an air-gapped cloud. Required with
	// cloud: Other.
	// +optional
	OtherCloud *AzureOtherCloud `json:"otherCloud,omitempty"`

	// How a pod proves who it is. Exactly one of the modes below.
	// +required
	Auth AzureAuth `json:"auth"`
}

// AzureCloud names an Azure cloud.
//
// +kubebuilder:validation:Enum=AzurePublic;AzureUSGovernment;AzureChina;Other
type AzureCloud string

// AzureCloudOther is a cloud that AzureStore.OtherCloud describes.
const AzureCloudOther AzureCloud = "Other"

// AzureOtherCloud is where a cloud is.
type AzureOtherCloud struct {
	// The domain of the cloud's storage, which is behind <account>.blob. in the host of a storage account:
	// local.azurestack.external.
	// +required
	// +kubebuilder:validation:MaxLength=190
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)+$')",message="must be a domain in lower case, for example local.azurestack.external"
	StorageSuffix string `json:"storageSuffix"`
	// The https URL of the cloud's Entra ID. Required with workloadIdentity, unless that has its own, and servicePrincipal.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() == 'https' && url(self).getHost() != ''",message="must be an https URL, for example https://login.example.com: the pod's token is sent there"
	// +kubebuilder:validation:XValidation:rule=`!self.contains('$(') && self.matches('^\\P{Cc}*$')`,message="must not contain $( or control characters: it becomes part of a variable, in which $(NAME) would be replaced"
	AuthorityHost string `json:"authorityHost,omitempty"`
}

// AzureAuth is how a pod proves who it is to Azure.
//
// +kubebuilder:validation:ExactlyOneOf=workloadIdentity;managedIdentity;podIdentityBinding;servicePrincipal;connectionString;accountKey;sasToken;default
type AzureAuth struct {
	// The pod's service-account token is exchanged for the credentials of an application or a managed identity. Nothing
	// secret is stored.
	// +optional
	WorkloadIdentity *AzureWorkloadIdentity `json:"workloadIdentity,omitempty"`
	// A managed identity of the node, through the instance metadata service; all pods of the node can have it. For the
	// system-assigned identity: managedIdentity: {}.
	// +optional
	ManagedIdentity *AzureManagedIdentity `json:"managedIdentity,omitempty"`
	// The selector of an AzureIdentityBinding of the legacy aad-pod-identity: the pod gets the label aadpodidbinding with
	// this value.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')",message="must be the value of a label: letters and digits, with - _ . between them"
	PodIdentityBinding string `json:"podIdentityBinding,omitempty"`
	// A service principal with a secret or a certificate, in a Secret of the pod's namespace.
	// +optional
	ServicePrincipal *AzureServicePrincipal `json:"servicePrincipal,omitempty"`
	// A connection string in a Secret of the pod's namespace. Its account counts, and not storageAccount.
	// +optional
	ConnectionString *KeyRef `json:"connectionString,omitempty"`
	// A key of the storage account, in a Secret of the pod's namespace. It opens all containers of the account.
	// +optional
	AccountKey *KeyRef `json:"accountKey,omitempty"`
	// A shared access signature (SAS token) in a Secret of the pod's namespace, without a question mark at its front.
	// +optional
	SASToken *KeyRef `json:"sasToken,omitempty"`
	// Whatever the tool's own DefaultAzureCredential finds in the pod or on its node. Nothing but the store's location is
	// injected. Takes no fields: default: {}.
	// +optional
	Default *AzureDefault `json:"default,omitempty"`
}

// AzureWorkloadIdentity exchanges the pod's service-account token for an Entra ID token.
type AzureWorkloadIdentity struct {
	// The client ID of the application or the managed identity.
	// +required
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$')",message="must be a UUID, for example 00000000-0000-0000-0000-000000000000"
	ClientID string `json:"clientID"`
	// The ID of the tenant (the directory) that the identity belongs to.
	// +required
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$')",message="must be a UUID, for example 00000000-0000-0000-0000-000000000000"
	TenantID string `json:"tenantID"`
	// The audience of the token, as the federated credential has it. Default api://AzureADTokenExchange. With
	// identityBinding the default is api://AKSIdentityBinding, and api://AzureADTokenExchange means that too.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule=`!self.contains('$(') && self.matches('^\\P{Cc}*$')`,message="must not contain $( or control characters: it becomes part of a variable, in which $(NAME) would be replaced"
	// +kubebuilder:validation:XValidation:rule=`!self.matches('^(https?://)?(kubernetes|kubernetes[.]default|kubernetes[.]default[.]svc([.].*)?|k3s|rke2)(:[0-9]+)?/*$|^https?://(oidc[.]eks[.]|container[.]googleapis[.]com/v1/projects/|[a-z0-9-]+[.]oic[.]prod-aks[.]azure[.]com/)')`,message="is an audience of the API server, where whoever receives the token could act as the pod: use the token service's own"
	Audience string `json:"audience,omitempty"`
	// The URL of the Entra ID authority. Absent: the cloud's own.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() == 'https' && url(self).getHost() != ''",message="must be an https URL, for example https://login.microsoftonline.com/"
	// +kubebuilder:validation:XValidation:rule=`!self.contains('$(') && self.matches('^\\P{Cc}*$')`,message="must not contain $( or control characters: it becomes part of a variable, in which $(NAME) would be replaced"
	AuthorityHost string `json:"authorityHost,omitempty"`
	// An AKS identity binding: the pod's token is exchanged at the cluster's token proxy, and not at Entra ID. Only
	// programs that ask for it can use it, and the uploader does; no tool of this list can. The service account needs the
	// verb use-managed-identity in the cluster.
	// +optional
	IdentityBinding *AKSIdentityBinding `json:"identityBinding,omitempty"`
}

// AKSIdentityBinding is the token proxy of an AKS cluster: its address, its name in TLS, and its certificate authority.
//
// +kubebuilder:validation:XValidation:rule="has(self.sniName) || has(self.tokenProxy)",message="set sniName, the name that the cluster's token proxy has: AZURE_KUBERNETES_SNI_NAME of a pod with the annotation azure.workload.identity/use-identity-binding",fieldPath=".sniName"
type AKSIdentityBinding struct {
	// The name by which the token proxy is asked for and proves itself in TLS. Each AKS cluster has its own, ending in
	// .ests.aks: AZURE_KUBERNETES_SNI_NAME of a pod with the annotation azure.workload.identity/use-identity-binding.
	// Required, unless tokenProxy is set: then it defaults to the host of that.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="must be a host name, for example a0123456789abcdef.ests.aks"
	SNIName string `json:"sniName,omitempty"`
	// The URL of the token proxy. Default https://kubernetes.default.svc.cluster.local, where AKS has it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() == 'https' && url(self).getHost() != '' && !self.contains('?') && !self.contains('#') && !self.contains('@')",message="must be an https URL without a user, a query or a fragment, for example https://kubernetes.default.svc.cluster.local"
	// +kubebuilder:validation:XValidation:rule=`!self.contains('$(') && self.matches('^\\P{Cc}*$')`,message="must not contain $( or control characters: it becomes part of a variable, in which $(NAME) would be replaced"
	TokenProxy string `json:"tokenProxy,omitempty"`
	// The key of a ConfigMap, in the pod's namespace, with the authority that signed the token proxy's certificate. Default
	// ca.crt of kube-root-ca.crt, which Kubernetes keeps in each namespace: that of the API server.
	// +optional
	CAConfigMap *CAKeyRef `json:"caConfigMap,omitempty"`
}

// AzureManagedIdentity is a managed identity of the node.
type AzureManagedIdentity struct {
	// The client ID of a user-assigned identity. Absent: the system-assigned identity.
	// +optional
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$')",message="must be a UUID, for example 00000000-0000-0000-0000-000000000000"
	ClientID string `json:"clientID,omitempty"`
}

// AzureServicePrincipal is a service principal with a secret or a certificate.
//
// +kubebuilder:validation:ExactlyOneOf=clientSecret;clientCertificate
type AzureServicePrincipal struct {
	// The application's client ID.
	// +required
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$')",message="must be a UUID, for example 00000000-0000-0000-0000-000000000000"
	ClientID string `json:"clientID"`
	// The ID of the tenant (the directory) that the identity belongs to.
	// +required
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$')",message="must be a UUID, for example 00000000-0000-0000-0000-000000000000"
	TenantID string `json:"tenantID"`
	// Where the client secret is, in a Secret of the pod's namespace. Exactly one of clientSecret and clientCertificate.
	// +optional
	ClientSecret *KeyRef `json:"clientSecret,omitempty"`
	// Where the client certificate with its key is, in one PEM text, in a Secret of the pod's namespace. Exactly one of
	// clientSecret and clientCertificate.
	// +optional
	ClientCertificate *KeyRef `json:"clientCertificate,omitempty"`
}

// AzureDefault is the tool's own DefaultAzureCredential.
type AzureDefault struct{}
