package v1alpha1

// BucketSource names the key of a ConfigMap or a Secret that holds the name of a bucket or container. The kubelet reads the key when
// it starts the pod's containers. While the object or the key is missing, they wait with CreateContainerConfigError.
//
// +kubebuilder:validation:ExactlyOneOf=configMap;secret
type BucketSource struct {
	// A key of a ConfigMap in the pod's namespace. Exactly one of configMap and secret.
	// +optional
	ConfigMap *ConfigMapKeyRef `json:"configMap,omitempty"`
	// A key of a Secret in the pod's namespace. Exactly one of configMap and secret.
	// +optional
	Secret *KeyRef `json:"secret,omitempty"`
}

// ConfigMapKeyRef names one key of a ConfigMap in the pod's namespace. Lighterman never reads the ConfigMap: the kubelet does.
type ConfigMapKeyRef struct {
	// The ConfigMap's name.
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="must be a name: lower-case letters and digits, with dashes and dots between them"
	Name string `json:"name"`
	// The key in the ConfigMap's data.
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[.]?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$')",message="must be a key: letters, digits, '-', '_' and '.', but not '.' alone, nor '..' in front"
	Key string `json:"key"`
}
