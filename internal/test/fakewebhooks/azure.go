package fakewebhooks

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Azure is github.com/Azure/azure-workload-identity v1.6.0 (pkg/webhook/webhook.go: mutateContainers,
// addEnvironmentVariables, addProjectedVolume; consts.go). It is asked about pods with the label AzureLabel, and again
// when another webhook changed them (reinvocationPolicy: IfNeeded).
type Azure struct {
	// ClientID is the annotation azure.workload.identity/client-id of the pod's service account; empty: it has none.
	ClientID string
	// TenantID is the annotation azure.workload.identity/tenant-id, or else the cluster's tenant.
	TenantID string
}

// AzureLabel is the label of the pods that Azure is asked about; its value is "true".
const AzureLabel = "azure.workload.identity/use"

var _ Webhook = Azure{}

const azureMount = "/var/run/secrets/azure/wi"

// Mutate adds what containers lack of the identity, one variable at a time.
func (w Azure) Mutate(pod *corev1.Pod) {
	if pod.Labels[AzureLabel] != "true" {
		return
	}
	name := pod.Name
	if name == "" {
		name = pod.GenerateName + " (prefix)"
	}
	const prefix = "azure-workload-identity-reserved-"
	volume := prefix + fmt.Sprintf("%x", sha256.Sum256([]byte(name)))[:63-len(prefix)]
	skip := strings.Split(pod.Annotations["azure.workload.identity/skip-containers"], ";")
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if !slices.Contains(skip, list[i].Name) {
				w.inject(&list[i])
				mountToken(&list[i], volume, azureMount)
			}
		}
	}
	if !slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == volume }) {
		pod.Spec.Volumes = append(
			pod.Spec.Volumes, tokenVolume(volume, "api://AzureADTokenExchange", "token/azure-identity-token", 3600),
		)
	}
}

func (w Azure) inject(c *corev1.Container) {
	for _, e := range []corev1.EnvVar{
		{Name: "AZURE_CLIENT_ID", Value: w.ClientID},
		{Name: "AZURE_TENANT_ID", Value: w.TenantID},
		{Name: "AZURE_FEDERATED_TOKEN_FILE", Value: azureMount + "/token/azure-identity-token"},
		{Name: "AZURE_AUTHORITY_HOST", Value: "https://login.microsoftonline.com/"},
	} {
		if e.Value != "" && !has(c, e.Name) {
			c.Env = append(c.Env, e)
		}
	}
}
