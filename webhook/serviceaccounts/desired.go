package serviceaccounts

import (
	"context"
	"errors"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/resolve"
)

// desiredState is the annotations that the requesters desire on a service account.
type desiredState struct {
	// requesters are the profiles that still request an annotation, in the order in which they first did.
	requesters []resolve.Ref
	values     map[string]string
	// requestedBy is the profile that each value is of.
	requestedBy map[string]resolve.Ref
	// conflicts are requests for another value than an earlier profile's.
	conflicts []conflict
}

type conflict struct {
	key, value   string
	first, later resolve.Ref
}

// desiredFor reads every requester's profile. A profile that is gone, or no longer serves the account, requests nothing.
func desiredFor(
	ctx context.Context, source resolve.Source, account types.NamespacedName, requesters []resolve.Ref,
) (*desiredState, error) {
	d := &desiredState{values: map[string]string{}, requestedBy: map[string]resolve.Ref{}}
	for _, ref := range requesters {
		annotations, err := profileAnnotations(ctx, source, account, ref)
		if err != nil {
			return nil, err
		}
		if len(annotations) > 0 {
			d.addRequester(ref, annotations)
		}
	}
	return d, nil
}

// addRequester adds what a profile requests. An earlier profile's value takes precedence.
func (d *desiredState) addRequester(ref resolve.Ref, annotations []profile.Annotation) {
	d.requesters = append(d.requesters, ref)
	for _, a := range annotations {
		switch value, exists := d.values[a.Key]; {
		case !exists:
			d.values[a.Key], d.requestedBy[a.Key] = a.Value, ref
		case value != a.Value:
			d.conflicts = append(d.conflicts, conflict{key: a.Key, value: a.Value, first: d.requestedBy[a.Key], later: ref})
		}
	}
}

// profileAnnotations returns the annotations that one profile has Lighterman write to the account.
func profileAnnotations(
	ctx context.Context, source resolve.Source, account types.NamespacedName, ref resolve.Ref,
) ([]profile.Annotation, error) {
	p, err := source.Profile(ctx, ref, account.Namespace)
	if errors.Is(err, resolve.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	err = resolve.CheckNamespace(ctx, source, p, account.Namespace)
	if err == nil {
		err = resolve.CheckServiceAccount(p.Profile, account.Name)
	}
	if _, denied := errors.AsType[*injector.DeniedError](err); denied {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	annotations, write := profile.ServiceAccountAnnotations(p.Spec)
	if !write {
		return nil, nil
	}
	return annotations, nil
}

// annotations returns what Lighterman is to own on the service account: the values, and the record of the requesters.
func (d *desiredState) annotations() map[string]string {
	all := make(map[string]string, len(d.values)+1)
	maps.Copy(all, d.values)
	if len(d.requesters) > 0 {
		all[injector.AnnotationAnnotatedFor] = formatRequesters(d.requesters)
	}
	return all
}

// satisfiedBy reports whether annotations have every desired value, and no identity annotation that may be left over from
// a former requester.
func (d *desiredState) satisfiedBy(annotations map[string]string) bool {
	for _, key := range profile.IdentityAnnotations {
		if value, ok := annotations[key]; value != d.values[key] || (ok && value == "") {
			return false
		}
	}
	return annotations[injector.AnnotationAnnotatedFor] == formatRequesters(d.requesters)
}

// conflictsWith reports whether another value is desired already for one of the annotations.
func (d *desiredState) conflictsWith(annotations []profile.Annotation) bool {
	return slices.ContainsFunc(annotations, func(a profile.Annotation) bool {
		value, ok := d.values[a.Key]
		return ok && value != a.Value
	})
}
