package resolve

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"lighterman.dev/lighterman/injector"
)

// profileRef names the profile of a pod.
type profileRef struct {
	injector.Ref
	// owner is the object whose annotation names the profile, for messages; empty for the pod itself.
	owner string
}

// resolveRef returns the profile that the pod names, or else the default of its service account, or else that of its
// namespace. It returns the zero profileRef where none of them names one. The API server sends pods that name no profile
// only from namespaces that are labelled "selected", so no other pod costs a look at the Source.
func resolveRef(ctx context.Context, source Source, pod *injector.Pod, namespace string) (profileRef, error) {
	ref, err := injector.Requested(&pod.Metadata)
	if err != nil || ref != (injector.Ref{}) {
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
	ref, err := injector.RequestedBy(annotations, owner)
	if err != nil || ref == (injector.Ref{}) {
		return profileRef{}, err
	}
	return profileRef{Ref: ref, owner: owner}, nil
}
