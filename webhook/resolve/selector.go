package resolve

import (
	"context"
	"errors"
	"fmt"

	"lighterman.dev/lighterman/injector"
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
		return Resolution{Profile: matching[0]}, injector.CheckServiceAccount(pod, matching[0])
	}
	return Resolution{}, injector.AmbiguousSelector(matching)
}

// matchesSelector reports whether a profile's selector matches the pod. A cluster profile matches nothing in a namespace
// that may not use it.
func matchesSelector(ctx context.Context, source Source, p *ScopedProfile, pod *injector.Pod, namespace string) (bool, error) {
	if !injector.Selects(p.Profile, pod) {
		return false, nil
	}
	err := CheckNamespace(ctx, source, p, namespace)
	if _, denied := errors.AsType[*injector.DeniedError](err); denied {
		return false, nil
	}
	return err == nil, err
}
