package resolve

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
)

// systemNamespaces are namespaces whose pods are never injected, whatever the namespace's labels.
var systemNamespaces = map[string]bool{"kube-system": true, "kube-node-lease": true, "kube-public": true}

// IsSystemNamespace reports whether no pod of the namespace is ever injected. release is Lighterman's own namespace.
func IsSystemNamespace(namespace, release string) bool {
	return systemNamespaces[namespace] || namespace == release
}

// OptsIn reports whether the webhook configuration sends pods of a namespace with these labels. Pods that name no profile
// are sent only where the label's value is "selected".
func OptsIn(labels map[string]string, namesProfile bool) bool {
	value := labels[injector.NamespaceLabel]
	return value == injector.InjectionSelected || (value == injector.InjectionEnabled && namesProfile)
}

// NamesProfile reports whether the pod has one of the annotations that name a profile, even an empty one.
func NamesProfile(pod *injector.Metadata) bool {
	_, namespaced := pod.Annotations[injector.AnnotationProfile]
	_, cluster := pod.Annotations[injector.AnnotationClusterProfile]
	return namespaced || cluster
}

// CheckNamespace returns a *injector.DeniedError where pods of the namespace may not use the profile.
func CheckNamespace(ctx context.Context, source Source, p *ScopedProfile, namespace string) error {
	if p.Kind != v1alpha1.KindClusterCredentialProfile {
		return nil // A Source returns a namespaced profile to pods of its own namespace only.
	}
	found, err := source.Namespace(ctx, namespace)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("find namespace %s: %w", namespace, err)
	}
	allowed := found.Unknown
	if a := p.AllowedNamespaces; err == nil && !allowed && AllowsAny(a) {
		selector, err := metav1.LabelSelectorAsSelector(a)
		if err != nil {
			return injector.Deny(injector.ReasonInvalidProfile, fmt.Sprintf("%s %s: spec.allowedNamespaces: %v", p.Kind, p, err))
		}
		allowed = selector.Matches(labels.Set(found.Labels))
	}
	if !allowed {
		return injector.Deny(injector.ReasonNamespaceNotAllowed, fmt.Sprintf(
			"%s %s does not allow namespace %s: label the namespace as spec.allowedNamespaces of the profile asks, or use another profile",
			p.Kind, p, namespace))
	}
	return nil
}

// AllowsAny reports whether a cluster profile's allowedNamespaces allow any namespace. An empty selector allows none: in
// this one place it does not mean all, so that a profile is not open to every tenant by an omission.
func AllowsAny(allowed *metav1.LabelSelector) bool {
	return allowed != nil && len(allowed.MatchLabels)+len(allowed.MatchExpressions) > 0
}
