package resolve

import (
	"context"
	"errors"
	"fmt"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/profile"
)

// Resolution is the answer to which profile a pod gets.
type Resolution struct {
	// Profile is nil for a pod that no profile is for.
	Profile *profile.Profile
	// OptedOut reports whether the pod wants no profile.
	OptedOut bool
}

// Profile returns the profile that a pod of the namespace gets. The error is a *injector.DeniedError where the pod asks
// for what it cannot have. The Resolution then still holds the profile that denies the pod, if there is one.
func Profile(ctx context.Context, source Source, pod *injector.Pod, namespace string) (Resolution, error) {
	if pod.Metadata.Annotations[injector.AnnotationInject] == "false" {
		return Resolution{OptedOut: true}, nil
	}
	ref, err := resolveRef(ctx, source, pod, namespace)
	if err != nil {
		return Resolution{}, err
	}
	if ref == (profileRef{}) {
		return profileBySelector(ctx, source, pod, namespace)
	}
	found, err := findProfile(ctx, source, ref, namespace)
	if err != nil {
		return Resolution{}, err
	}
	return Resolution{Profile: found.Profile}, Authorize(ctx, source, found, pod, namespace)
}

// Authorize returns a *injector.DeniedError where the pod's namespace or service account may not use the profile.
func Authorize(ctx context.Context, source Source, p *ScopedProfile, pod *injector.Pod, namespace string) error {
	if err := CheckNamespace(ctx, source, p, namespace); err != nil {
		return err
	}
	return CheckServiceAccount(p.Profile, pod.ServiceAccount())
}

// CheckServiceAccount returns a *injector.DeniedError where pods of the service account may not use the profile.
func CheckServiceAccount(p *profile.Profile, account string) error {
	if p.AllowsServiceAccount(account) {
		return nil
	}
	return injector.Deny(injector.ReasonServiceAccountNotAllowed, fmt.Sprintf(
		"%s %s does not allow service account %s: run the pod as one of %s, or have it added to spec.allowedServiceAccounts",
		p.Kind, p, message.Value(account), message.List(p.Spec.AllowedServiceAccounts)))
}

// findProfile returns the profile that ref names, and denies the pod where there is none.
func findProfile(ctx context.Context, source Source, ref profileRef, namespace string) (*ScopedProfile, error) {
	found, err := source.Profile(ctx, ref.Ref, namespace)
	if errors.Is(err, ErrNotFound) {
		return nil, denyUnknownProfile(ref, namespace)
	}
	return found, err
}

func denyUnknownProfile(ref profileRef, namespace string) error {
	of := ""
	if ref.owner != "" {
		of = " of " + ref.owner
	}
	if ref.Kind == v1alpha1.KindClusterCredentialProfile {
		return injector.Deny(injector.ReasonUnknownProfile, fmt.Sprintf(
			"there is no %s %q, which annotation %s%s names: list them with kubectl get clustercredentialprofiles; a profile of the pod's own namespace is named in %s",
			ref.Kind, ref.Name, injector.AnnotationClusterProfile, of, injector.AnnotationProfile))
	}
	return injector.Deny(injector.ReasonUnknownProfile, fmt.Sprintf(
		"there is no %s %q in namespace %s, which annotation %s%s names: list them with kubectl get credentialprofiles -n %s; a cluster profile is named in %s",
		ref.Kind, ref.Name, namespace, injector.AnnotationProfile, of, namespace, injector.AnnotationClusterProfile))
}
