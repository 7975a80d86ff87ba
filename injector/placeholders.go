package injector

import (
	"errors"
	"fmt"

	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/profile"
)

// fillPrefix replaces the placeholders of the profile's prefix by what they stand for in the pod.
func fillPrefix(pod *Pod, prof *profile.Profile, r *profile.Resolved) error {
	if !r.HasPlaceholders() {
		return nil
	}
	err := r.FillPrefix(func(name profile.Placeholder) (string, error) { return fillPlaceholder(pod, prof, r, name) })
	if err != nil {
		return err
	}
	if n := len(r.Prefix()); n > profile.MaxPrefix {
		return Deny(ReasonUnresolvedPlaceholder, fmt.Sprintf(
			"%s of %s %s has %d bytes with what its placeholders stand for in this pod: write a shorter one, for at most %d are used",
			r.PrefixField(), prof.Kind, prof, n, profile.MaxPrefix))
	}
	return nil
}

// fillPlaceholder returns what one placeholder stands for.
func fillPlaceholder(pod *Pod, prof *profile.Profile, r *profile.Resolved, name profile.Placeholder) (string, error) {
	var value string
	var err error
	cure := ""
	switch name {
	case profile.PlaceholderNamespace:
		if value = namespaceOf(pod, prof); value == "" {
			err, cure = errors.New("the pod's namespace is not known"), "set metadata.namespace"
		}
	case profile.PlaceholderServiceAccount:
		value = pod.ServiceAccount()
	case profile.PlaceholderPod:
		if value = pod.Metadata.Name; value == "" { // The API server makes it up later.
			return profile.PodNameReference, nil
		}
	case profile.PlaceholderWorkload:
		value, err = workloadOf(&pod.Metadata)
		cure = setWorkload
	}
	if denied := (*DeniedError)(nil); errors.As(err, &denied) {
		return "", denied
	}
	if err == nil && !isPathSegment(value) {
		err = fmt.Errorf("what it stands for in this pod, %s, cannot be a part of a path", message.Quote(value))
		if cure == "" {
			cure = "write another prefix"
		}
	}
	if err != nil {
		return "", Deny(ReasonUnresolvedPlaceholder, fmt.Sprintf("%s of %s %s has {%s}, and %v: %s",
			r.PrefixField(), prof.Kind, prof, name, err, cure))
	}
	return value, nil
}

// warnGeneratedName warns where the pod's name, which decides on the place, is another one for each pod.
func (s podScope) warnGeneratedName() {
	if s.pod.Metadata.Name != "" || s.pod.Metadata.GenerateName == "" || !s.HasPodName() {
		return
	}
	s.warn("%s of %s %s has {pod}, and the name of this pod is made up when it is created: no other pod finds what this one stores; with {workload} the pods of one workload share a place",
		s.PrefixField(), s.profile.Kind, s.profile)
}
