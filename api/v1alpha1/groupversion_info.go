package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of this package.
var GroupVersion = schema.GroupVersion{Group: "lighterman.dev", Version: "v1alpha1"}

// The kinds of this package, as they stand in manifests, events and the injected annotation.
const (
	KindCredentialProfile        = "CredentialProfile"
	KindClusterCredentialProfile = "ClusterCredentialProfile"
)

// AddToScheme registers the kinds of this package with scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&CredentialProfile{}, &CredentialProfileList{},
		&ClusterCredentialProfile{}, &ClusterCredentialProfileList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
