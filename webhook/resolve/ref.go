package resolve

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/message"
)

// Ref names a profile.
type Ref struct {
	// Kind is v1alpha1.KindCredentialProfile or v1alpha1.KindClusterCredentialProfile.
	Kind string
	Name string
}

// DefaultAnnotations are the keys of the annotations by which a service account or a namespace names a default profile.
var DefaultAnnotations = []string{injector.AnnotationProfile, injector.AnnotationClusterProfile}

// RefFrom returns the profile that the annotations of an object name, or the zero Ref where they name none. owner is the
// object in messages. The error is a *injector.DeniedError.
func RefFrom(annotations map[string]string, owner string) (Ref, error) {
	name, namesOwn := annotations[injector.AnnotationProfile]
	clusterName, namesCluster := annotations[injector.AnnotationClusterProfile]
	switch {
	case namesOwn && namesCluster:
		return Ref{}, injector.Deny(injector.ReasonBothProfiles, fmt.Sprintf("%s has both annotations %s and %s: remove one",
			owner, injector.AnnotationProfile, injector.AnnotationClusterProfile))
	case namesOwn:
		return newRef(v1alpha1.KindCredentialProfile, injector.AnnotationProfile, name, owner)
	case namesCluster:
		return newRef(v1alpha1.KindClusterCredentialProfile, injector.AnnotationClusterProfile, clusterName, owner)
	}
	return Ref{}, nil
}

func newRef(kind, annotation, name, owner string) (Ref, error) {
	if name == "" {
		return Ref{}, injector.Deny(
			injector.ReasonInvalidAnnotation,
			fmt.Sprintf("annotation %s of %s is empty: write the name of a %s",
				annotation, owner, kind),
		)
	}
	// A name that no object can have would be an error of the API server's client, not an answer.
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		return Ref{}, injector.Deny(injector.ReasonInvalidAnnotation, fmt.Sprintf(
			"annotation %s of %s is %s, which is no name of a %s: write at most 253 lower-case letters and digits, with dashes and dots between them",
			annotation, owner, message.Quote(name), kind))
	}
	return Ref{Kind: kind, Name: name}, nil
}

// profileRef names the profile of a pod.
type profileRef struct {
	Ref
	// owner is the object whose annotation names the profile, for messages; empty for the pod itself.
	owner string
}

// resolveRef returns the profile that the pod names, or else the default of its service account, or else that of its
// namespace. It returns the zero profileRef where none of them names one. The API server sends pods that name no profile
// only from namespaces that are labelled "selected", so no other pod costs a look at the Source.
func resolveRef(ctx context.Context, source Source, pod *injector.Pod, namespace string) (profileRef, error) {
	ref, err := RefFrom(pod.Metadata.Annotations, "the pod")
	if err != nil || ref != (Ref{}) {
		return profileRef{Ref: ref}, err
	}
	account := types.NamespacedName{Namespace: namespace, Name: pod.ServiceAccount()}
	annotations, err := source.AccountAnnotations(ctx, account)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return profileRef{}, fmt.Errorf("find service account %s: %w", account, err)
	}
	if found, err := defaultFrom(annotations, "service account "+account.String()); err != nil || found != (profileRef{}) {
		return found, err
	}
	found, err := source.Namespace(ctx, namespace)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return profileRef{}, fmt.Errorf("find namespace %s: %w", namespace, err)
	}
	return defaultFrom(found.Annotations, "namespace "+namespace)
}

// defaultFrom returns the default profile that the annotations of owner name.
func defaultFrom(annotations map[string]string, owner string) (profileRef, error) {
	ref, err := RefFrom(annotations, owner)
	if err != nil || ref == (Ref{}) {
		return profileRef{}, err
	}
	return profileRef{Ref: ref, owner: owner}, nil
}
