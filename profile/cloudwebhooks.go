package profile

import (
	"slices"
	"strings"
)

// The ranks of the credentials that the AWS SDKs and minio-go look for: botocore 1.43 credentials.py, aws-sdk-go-v2 config
// v1.33.15 resolve_credentials.go, aws-sdk-go v1.55.8 session/credentials.go.
const (
	rankKeys = iota + 1
	rankWebIdentity
	rankFile
	rankContainer
)

// The ranks of the credentials for Azure Blob Storage. Tools take the account's keys before they ask for a token (barman
// 3.17 azure_blob_storage.py, restic 0.19 azure.go, WAL-G 3.0 pkg/storages/azure), and azidentity and azure-identity then
// go through the others in this order (default_azure_credential.go, _credentials/default.py).
const (
	rankStorageKeys = iota + 1
	rankServicePrincipal
	rankWorkloadIdentity
	rankManagedIdentity
)

// CloudWebhook is a cloud provider's own webhook that injects an identity into pods, as data. What it put into a container is
// no decision of the container's author, so it does not win as a user's own value does.
type CloudWebhook struct {
	// Name is its name for people.
	Name string
	// TokenVariable is the variable with the path of its token, and TokenDirectory where that lies: by both it is recognised.
	TokenVariable, TokenDirectory string
	// IdentityVariable is the variable that says who the pod is, OtherVariables hold what goes with it. A container without
	// IdentityVariable got no identity.
	IdentityVariable string
	OtherVariables   []string
	// Audience is that of its token.
	Audience string
	// Binding is how it says that the token is for a proxy; nil: it never is.
	Binding *TokenProxyBinding
	// Rank is that of the credential that it injects: see Mode.Rank.
	Rank int
	// Label is one that a pod must have to be its business, with the value "true"; empty: it may come to every pod.
	Label string
	// SkipAnnotation is the pod annotation that lists the containers which it leaves alone, between the separators.
	SkipAnnotation, Separator string
	// Source is where its identity comes from, for people: they remove it if they do not want the identity.
	Source string
}

// s3CloudWebhooks are those of EKS: github.com/aws/amazon-eks-pod-identity-webhook v0.6.17 and 3bf80a34 of 2026-08-11, main.go and
// pkg/handler/handler.go. The label that it sets for Pod Identity is no sign: the pod's author can set it, too.
var s3CloudWebhooks = []CloudWebhook{
	{
		Name:          "EKS's webhook for IAM roles for service accounts",
		TokenVariable: "AWS_WEB_IDENTITY_TOKEN_FILE", TokenDirectory: "/var/run/secrets/eks.amazonaws.com",
		IdentityVariable: "AWS_ROLE_ARN", Audience: "sts.amazonaws.com", Rank: rankWebIdentity,
		SkipAnnotation: "eks.amazonaws.com/skip-containers", Separator: ",",
		Source: "the annotation " + annotationRoleARN + " of its service account",
	},
	{
		Name:          "EKS's webhook for Pod Identity",
		TokenVariable: "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", TokenDirectory: "/var/run/secrets/pods.eks.amazonaws.com",
		IdentityVariable: "AWS_CONTAINER_CREDENTIALS_FULL_URI", Audience: "pods.eks.amazonaws.com", Rank: rankContainer,
		SkipAnnotation: "eks.amazonaws.com/skip-containers", Separator: ",",
		Source: "the Pod Identity association of its service account",
	},
}

// azureCloudWebhooks is github.com/Azure/azure-workload-identity v1.6.0, pkg/webhook/consts.go and webhook.go. Before v1.6.0 the
// token's directory was /var/run/secrets/azure/tokens.
var azureCloudWebhooks = []CloudWebhook{{
	Name:          "Azure's workload identity webhook",
	TokenVariable: "AZURE_FEDERATED_TOKEN_FILE", TokenDirectory: "/var/run/secrets/azure",
	IdentityVariable: "AZURE_CLIENT_ID", OtherVariables: []string{"AZURE_TENANT_ID", "AZURE_AUTHORITY_HOST"},
	Binding: &TokenProxyBinding{
		// What follows is up to who installs the webhook (flag --custom-token-endpoint-annotation-suffix); AKS has identity-binding.
		AnnotationPrefix: "azure.workload.identity/use-",
		ProxyVariable:    "AZURE_KUBERNETES_TOKEN_PROXY", CAVariable: "AZURE_KUBERNETES_CA_FILE",
		OtherVariables: []string{"AZURE_KUBERNETES_SNI_NAME", "AZURE_KUBERNETES_CA_DATA"},
		Audience:       bindingAudience,
	},
	Audience: "api://AzureADTokenExchange", Rank: rankWorkloadIdentity,
	Label:          "azure.workload.identity/use",
	SkipAnnotation: "azure.workload.identity/skip-containers", Separator: ";",
	Source: "the pod's label azure.workload.identity/use",
}}

// TokenProxyBinding is a cloud webhook's token for a proxy of the cluster in place of the cloud's token service, as data. The
// variables of the proxy come one by one, too: a container that has a token of its own can end with both.
type TokenProxyBinding struct {
	// AnnotationPrefix begins the pod annotation, with the value "true", by which a pod asks for it.
	AnnotationPrefix string
	// ProxyVariable has the proxy's URL, and CAVariable the file of its authority, which lies below the webhook's TokenDirectory.
	// OtherVariables hold what goes with them.
	ProxyVariable, CAVariable string
	OtherVariables            []string
	// Audience is that of the token.
	Audience string
}

// bindingAnnotation is the annotation by which pods ask Azure's webhook of AKS for an identity binding.
const bindingAnnotation = "azure.workload.identity/use-identity-binding"

// IsAskedBy reports whether a pod with the annotations asks for the binding (webhook.go: isUsingCustomTokenEndpoint).
func (b *TokenProxyBinding) IsAskedBy(annotations map[string]string) bool {
	if b == nil {
		return false
	}
	for key, value := range annotations {
		if strings.HasPrefix(key, b.AnnotationPrefix) && strings.EqualFold(value, "true") {
			return true
		}
	}
	return false
}

// Sets reports whether the binding sets a variable.
func (b *TokenProxyBinding) Sets(name string) bool {
	return b != nil && (name == b.ProxyVariable || name == b.CAVariable || slices.Contains(b.OtherVariables, name))
}

// IsFile reports whether a variable of the webhook is the path of a file for which the profile has one of its own.
func (w *CloudWebhook) IsFile(name string) bool {
	return name == w.TokenVariable || w.Binding != nil && name == w.Binding.CAVariable
}

// Sets reports whether the webhook sets a variable for the identity that it injects.
func (w *CloudWebhook) Sets(name string) bool {
	return name == w.TokenVariable || name == w.IdentityVariable || slices.Contains(w.OtherVariables, name) ||
		w.Binding.Sets(name)
}
