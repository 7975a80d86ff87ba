package profile

import (
	"cmp"
	"net/url"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// The settings of AKS's own identity bindings, as the package identitybinding of
// github.com/Azure/secrets-store-csi-driver-provider-azure finds them out in a cluster. The name in TLS (SNI) is a hash of the cluster's ID, and only the API
// server's certificate tells that one, so it has no default. The authority is that of the API server, which kube-controller-manager
// publishes in each namespace (root-ca-cert-publisher).
const (
	bindingAudience  = "api://AKSIdentityBinding"
	bindingProxy     = "https://kubernetes.default.svc.cluster.local"
	bindingConfigMap = "kube-root-ca.crt"
	bindingKey       = "ca.crt"
)

// bindingCA returns the ConfigMap's key with the authority of the token proxy; nil: there is no identity binding.
func bindingCA(binding *v1alpha1.AKSIdentityBinding) *v1alpha1.CAKeyRef {
	if binding == nil {
		return nil
	}
	if ca := binding.CAConfigMap; ca != nil {
		return &v1alpha1.CAKeyRef{Name: ca.Name, Key: cmp.Or(ca.Key, bindingKey)}
	}
	return &v1alpha1.CAKeyRef{Name: bindingConfigMap, Key: bindingKey}
}

// addIdentityBinding adds the variables of azidentity v1.15.0 (internal/customtokenproxy/transport.go), which azure-identity 1.27.0
// for Python has too (its changelog): a credential that was made for identity bindings sends its requests to this proxy.
func (e *Environment) addIdentityBinding(binding *v1alpha1.AKSIdentityBinding) {
	if binding == nil {
		return
	}
	e.addVar("AZURE_KUBERNETES_TOKEN_PROXY", cmp.Or(binding.TokenProxy, bindingProxy), groupAzure)
	e.addVar("AZURE_KUBERNETES_SNI_NAME", binding.SNIName, groupAzure)
	e.addVar("AZURE_KUBERNETES_CA_FILE", e.Files.IssuerCA, groupAzure)
}

func (p *problems) checkIdentityBinding(binding *v1alpha1.AKSIdentityBinding) {
	if binding == nil {
		return
	}
	const field = "spec.azure.auth.workloadIdentity.identityBinding"
	if binding.SNIName == "" && binding.TokenProxy == "" {
		p.addInvalid(field+".sniName",
			"is required: it is the name of the cluster's token proxy, AZURE_KUBERNETES_SNI_NAME of a pod with the annotation %s",
			bindingAnnotation)
	}
	p.checkTokenURL(field+".tokenProxy", binding.TokenProxy)
	if at, err := url.Parse(binding.TokenProxy); err == nil && (at.User != nil || at.RawQuery != "" || at.Fragment != "") {
		p.addInvalid(field+".tokenProxy", "must not have a user, a query or a fragment: the SDKs refuse it")
	}
	if ca := binding.CAConfigMap; ca != nil {
		p.checkRequired(field+".caConfigMap.name", ca.Name)
	}
}

// noIdentityBinding refuses an identity binding, for tools whose credential is not made for one.
func noIdentityBinding(why string) func(*Resolved) string {
	return func(r *Resolved) string {
		if r.Spec.Azure.Auth.WorkloadIdentity.IdentityBinding != nil {
			return why
		}
		return ""
	}
}
