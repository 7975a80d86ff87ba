package resolve

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/profile"
)

// profileBySelector returns the one profile whose selector matches the pod. The API server sends pods that name no
// profile only from namespaces that are labelled "selected".
func profileBySelector(ctx context.Context, source Source, pod *injector.Pod, namespace string) (Resolution, error) {
	candidates, err := source.ListWithSelector(ctx, namespace)
	if err != nil {
		return Resolution{}, fmt.Errorf("find the profiles that select pods: %w", err)
	}
	var matching []*profile.Profile
	for i := range candidates {
		matches, err := matchesSelector(ctx, source, &candidates[i], pod, namespace)
		if err != nil {
			return Resolution{}, err
		}
		if matches {
			matching = append(matching, candidates[i].Profile)
		}
	}
	switch len(matching) {
	case 0:
		return Resolution{}, nil
	case 1:
		return Resolution{Profile: matching[0]}, CheckServiceAccount(matching[0], pod.ServiceAccount())
	}
	return Resolution{}, denyAmbiguousSelector(matching)
}

// matchesSelector reports whether a profile's selector matches the pod. A cluster profile matches nothing in a namespace
// that may not use it.
func matchesSelector(
	ctx context.Context, source Source, p *ScopedProfile, pod *injector.Pod, namespace string,
) (bool, error) {
	if !p.Selects(pod.Metadata.Labels, pod.ServiceAccount()) {
		return false, nil
	}
	err := CheckNamespace(ctx, source, p, namespace)
	if _, denied := errors.AsType[*injector.DeniedError](err); denied {
		return false, nil
	}
	return err == nil, err
}

// denyAmbiguousSelector denies a pod that the selectors of several profiles match.
func denyAmbiguousSelector(profiles []*profile.Profile) error {
	names := make([]string, len(profiles))
	for i, p := range profiles {
		names[i] = p.Kind + " " + p.String()
	}
	slices.Sort(names)
	return injector.Deny(injector.ReasonAmbiguousSelector, fmt.Sprintf(
		"the selectors of several profiles match the pod: %s: narrow spec.selector, or name one profile in the pod's annotation %s or %s",
		message.List(names), injector.AnnotationProfile, injector.AnnotationClusterProfile))
}
