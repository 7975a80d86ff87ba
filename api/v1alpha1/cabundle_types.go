package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// CABundle says which certificate authorities a tool trusts.
//
// +kubebuilder:validation:ExactlyOneOf=configMap;secret;clusterTrustBundle
// +kubebuilder:validation:XValidation:rule="!has(self.truststores) || !has(self.clusterTrustBundle)",message="a ClusterTrustBundle has certificates in PEM alone: use configMap or secret, or remove truststores",fieldPath=".truststores"
// +kubebuilder:validation:XValidation:rule="!has(self.truststores) || !has(self.mode) || self.mode != 'Append'",message="Append joins files in PEM alone, and a truststore would lack the public roots: use Replace, and put them into the truststore (trust-manager: useDefaultCAs)",fieldPath=".truststores"
type CABundle struct {
	// A key of a ConfigMap in the pod's namespace. Exactly one of configMap, secret and clusterTrustBundle.
	// +optional
	ConfigMap *CAKeyRef `json:"configMap,omitempty"`
	// A key of a Secret in the pod's namespace. Exactly one of configMap, secret and clusterTrustBundle.
	// +optional
	Secret *CAKeyRef `json:"secret,omitempty"`
	// A ClusterTrustBundle, where the cluster has them. Exactly one of configMap, secret and clusterTrustBundle.
	// +optional
	ClusterTrustBundle *ClusterTrustBundleRef `json:"clusterTrustBundle,omitempty"`
	// Replace: the tool trusts this bundle and nothing else. Append: it trusts the public roots too; an init
	// container joins them into one file before the pod's containers start. Default Replace.
	// +optional
	// +default="Replace"
	Mode CABundleMode `json:"mode,omitempty"`
	// Java truststores with the same authorities, which are mounted beside the bundle, as trust-manager's
	// additionalFormats writes them. With configMap or secret, and mode Replace. A program is told of the path by its own
	// settings, for example -Djavax.net.ssl.trustStore=$(LIGHTERMAN_CA_PKCS12) in the container's args.
	// +optional
	Truststores *Truststores `json:"truststores,omitempty"`
}

// Truststores are keys with Java truststores, in the ConfigMap or the Secret of the bundle.
//
// +kubebuilder:validation:AtLeastOneOf=jks;pkcs12
type Truststores struct {
	// The key with a truststore in the format JKS. Its path is in LIGHTERMAN_CA_JKS. The password
	// that trust-manager sets by default is changeit. trust-manager calls the format deprecated.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[.]?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$')",message="must be a key: letters, digits, '-', '_' and '.', but not '.' alone, nor '..' in front"
	JKS string `json:"jks,omitempty"`
	// The key with a truststore in the format PKCS#12. Its path is in LIGHTERMAN_CA_PKCS12. By default,
	// trust-manager sets no password.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[.]?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$')",message="must be a key: letters, digits, '-', '_' and '.', but not '.' alone, nor '..' in front"
	PKCS12 string `json:"pkcs12,omitempty"`
}

// CABundleMode says whether a bundle stands for the public roots or beside them.
//
// +kubebuilder:validation:Enum=Replace;Append
type CABundleMode string

// The CA bundle modes.
const (
	CABundleReplace CABundleMode = "Replace"
	CABundleAppend  CABundleMode = "Append"
)

// CAKeyRef names a key with PEM certificates.
type CAKeyRef struct {
	// The name of the ConfigMap or the Secret.
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="must be a name: lower-case letters and digits, with dashes and dots between them"
	Name string `json:"name"`
	// The key with the PEM certificates. Default ca.crt.
	// +optional
	// +default="ca.crt"
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[.]?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$')",message="must be a key: letters, digits, '-', '_' and '.', but not '.' alone, nor '..' in front"
	Key string `json:"key,omitempty"`
}

// ClusterTrustBundleRef names a ClusterTrustBundle, or selects those of a signer.
//
// +kubebuilder:validation:ExactlyOneOf=name;signerName
// +kubebuilder:validation:XValidation:rule="has(self.signerName) || !has(self.labelSelector)",message="labelSelector chooses among the bundles of a signer: set signerName, or remove labelSelector",fieldPath=".labelSelector"
type ClusterTrustBundleRef struct {
	// The bundle's name. Exactly one of name and signerName.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`!self.contains('$(') && self.matches('^\\P{Cc}*$')`,message="must not contain $( or control characters: it becomes part of a variable, in which $(NAME) would be replaced"
	Name string `json:"name,omitempty"`
	// The signer whose bundles are taken. Exactly one of name and signerName.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=571
	// +kubebuilder:validation:XValidation:rule=`!self.contains('$(') && self.matches('^\\P{Cc}*$')`,message="must not contain $( or control characters: it becomes part of a variable, in which $(NAME) would be replaced"
	SignerName string `json:"signerName,omitempty"`
	// Which of the signer's bundles are taken. Absent: none, as in Kubernetes' own projection; {}: all.
	// +optional
	// +kubebuilder:validation:XValidation:rule="(!has(self.matchLabels) || size(self.matchLabels) <= 64) && (!has(self.matchExpressions) || size(self.matchExpressions) <= 64)",message="must have at most 64 labels and 64 expressions"
	LabelSelector *metav1.LabelSelector `json:"labelSelector,omitempty"`
}
