package profile

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// Parse reads a profile of either kind from YAML or JSON. A field that the API does not have is an error.
func Parse(data []byte) (*Profile, error) {
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := yaml.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("read profile: %w", err)
	}
	if head.APIVersion != v1alpha1.GroupVersion.String() {
		return nil, fmt.Errorf("read profile: apiVersion is %q: it must be %s", head.APIVersion, v1alpha1.GroupVersion)
	}
	switch head.Kind {
	case v1alpha1.KindCredentialProfile:
		var profile v1alpha1.CredentialProfile
		if err := yaml.UnmarshalStrict(data, &profile); err != nil {
			return nil, fmt.Errorf("read profile: %w", err)
		}
		return New(&profile), nil
	case v1alpha1.KindClusterCredentialProfile:
		var profile v1alpha1.ClusterCredentialProfile
		if err := yaml.UnmarshalStrict(data, &profile); err != nil {
			return nil, fmt.Errorf("read profile: %w", err)
		}
		return NewCluster(&profile), nil
	}
	return nil, fmt.Errorf("read profile: %v is not a profile: write kind %s or %s",
		schema.FromAPIVersionAndKind(head.APIVersion, head.Kind), v1alpha1.KindCredentialProfile,
		v1alpha1.KindClusterCredentialProfile)
}

// New returns p as a Profile; the spec is shared, not copied.
func New(p *v1alpha1.CredentialProfile) *Profile {
	return &Profile{
		Kind: v1alpha1.KindCredentialProfile, Namespace: p.Namespace, Name: p.Name, UID: string(p.UID),
		Generation: p.Generation, Spec: &p.Spec,
	}
}

// NewCluster returns p as a Profile; the spec is shared, not copied.
func NewCluster(p *v1alpha1.ClusterCredentialProfile) *Profile {
	return &Profile{
		Kind: v1alpha1.KindClusterCredentialProfile, Name: p.Name, UID: string(p.UID),
		Generation: p.Generation, Spec: &p.Spec.CredentialProfileSpec,
	}
}
