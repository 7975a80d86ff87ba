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
	// TokenProxy, SNIName and CAData are those of its custom token endpoint, which AKS calls identity bindings; without the
	// first it has none. CAConfigMap holds the authority; empty: CAData does.
	TokenProxy, SNIName, CAData, CAConfigMap string
}

const (
	// AzureLabel is the label of the pods that Azure is asked about; its value is "true".
	AzureLabel = "azure.workload.identity/use"
	// AzureBinding is the annotation of the pods that are to use the token proxy, as AKS configures it; its value is "true".
	AzureBinding = "azure.workload.identity/use-identity-binding"
)

var (
	_ Webhook   = Azure{}
	_ forgetful = Azure{}
)

const (
	azureMount = "/var/run/secrets/azure/wi"
	azureToken = "token/azure-identity-token"
	azureCA    = "ca-cert/ca.crt"
)

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
	isBound := w.TokenProxy != "" && strings.EqualFold(pod.Annotations[AzureBinding], "true")
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			c := &list[i]
			if !slices.ContainsFunc(skip, func(name string) bool { return strings.TrimSpace(name) == c.Name }) {
				w.inject(c, isBound)
				mountToken(c, volume, azureMount)
			}
		}
	}
	w.project(pod, volume, isBound)
}

// project adds the volume with the token, in place of one that has its name.
func (w Azure) project(pod *corev1.Pod, name string, isBound bool) {
	audience := "api://AzureADTokenExchange"
	if isBound {
		audience = "api://AKSIdentityBinding"
	}
	volume := tokenVolume(name, audience, azureToken, 3600)
	if isBound && w.CAConfigMap != "" {
		volume.Projected.Sources = append(volume.Projected.Sources, corev1.VolumeProjection{
			ConfigMap: &corev1.ConfigMapProjection{
				LocalObjectReference: corev1.LocalObjectReference{Name: w.CAConfigMap},
				Items:                []corev1.KeyToPath{{Key: "ca.crt", Path: azureCA}}, Optional: new(false),
			},
		})
	}
	i := slices.IndexFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == name })
	if i < 0 {
		pod.Spec.Volumes = append(pod.Spec.Volumes, volume)
		return
	}
	pod.Spec.Volumes[i] = volume
}

func (w Azure) inject(c *corev1.Container, isBound bool) {
	env := []corev1.EnvVar{
		{Name: "AZURE_CLIENT_ID", Value: w.ClientID},
		{Name: "AZURE_TENANT_ID", Value: w.TenantID},
		{Name: "AZURE_FEDERATED_TOKEN_FILE", Value: azureMount + "/" + azureToken},
		{Name: "AZURE_AUTHORITY_HOST", Value: "https://login.microsoftonline.com/"},
	}
	if isBound {
		env = append(env,
			corev1.EnvVar{Name: "AZURE_KUBERNETES_TOKEN_PROXY", Value: w.TokenProxy},
			corev1.EnvVar{Name: "AZURE_KUBERNETES_SNI_NAME", Value: w.SNIName},
			corev1.EnvVar{Name: "AZURE_KUBERNETES_CA_FILE", Value: azureMount + "/" + azureCA},
			corev1.EnvVar{Name: "AZURE_KUBERNETES_CA_DATA", Value: w.CAData})
	}
	for _, e := range env {
		if e.Value != "" && !has(c, e.Name) {
			c.Env = append(c.Env, e)
		}
	}
}

// azureForgets are the fields that k8s.io/api v0.31.14, with which the webhook is built, does not know and v0.37.2 does: it reads
// the pod into that library's types, and its patch is the difference between the pod as it came and what those types hold
// (webhook.go: admission.PatchResponseFromRaw).
var azureForgets = []string{
	"spec.resources", "spec.hostnameOverride", "spec.schedulingGroup", "spec.evictionResponders",
	"spec.securityContext.seLinuxChangePolicy",
	"spec.*.restartPolicyRules", "spec.*.env.valueFrom.fileKeyRef", "spec.*.volumeMounts.bindMountOptions",
	"spec.*.lifecycle.stopSignal", "spec.*.lifecycle.postStart.httpGet.protocol",
	"spec.*.lifecycle.preStop.httpGet.protocol",
	"spec.volumes.projected.sources.podCertificate",
}

// forgets returns the fields that the webhook drops.
func (Azure) forgets() []string { return azureForgets }
