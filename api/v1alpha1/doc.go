// Package v1alpha1 defines the lighterman.dev/v1alpha1 API: CredentialProfile and ClusterCredentialProfile, which say
// where an object store is and how a pod proves who it is.
//
// The package holds types, their defaults and nothing else: it may import only Kubernetes' own API packages. Field
// comments are user documentation; they become the text of "kubectl explain".
//
// +kubebuilder:object:generate=true
// +groupName=lighterman.dev
package v1alpha1
