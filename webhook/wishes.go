package webhook

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/resolve"
)

// maxAskers is how many profiles of a record are looked at: whoever may write service accounts may write the record, and
// must not make the webhook read profiles without end.
const maxAskers = 64

// wishes are what the profiles that asked want of a service account.
type wishes struct {
	// asking are the profiles that still want something, in the order in which they asked.
	asking []injector.Ref
	values map[string]string
	// by names the profile whose wish each value is.
	by map[string]injector.Ref
	// clashes are wishes that an earlier profile's stand against.
	clashes []clash
}

type clash struct {
	key, value   string
	first, later injector.Ref
}

// wishesOf asks every profile. One that is gone, or no longer serves the account, wants nothing.
func wishesOf(ctx context.Context, source resolve.Source, account types.NamespacedName, askers []injector.Ref) (*wishes, error) {
	w := &wishes{values: map[string]string{}, by: map[string]injector.Ref{}}
	for _, ref := range askers {
		want, err := wish(ctx, source, account, ref)
		if err != nil {
			return nil, err
		}
		if len(want) > 0 {
			w.add(ref, want)
		}
	}
	return w, nil
}

// add gives the wishes of the profile that asked first precedence.
func (w *wishes) add(ref injector.Ref, want []profile.Annotation) {
	w.asking = append(w.asking, ref)
	for _, a := range want {
		switch value, taken := w.values[a.Key]; {
		case !taken:
			w.values[a.Key], w.by[a.Key] = a.Value, ref
		case value != a.Value:
			w.clashes = append(w.clashes, clash{key: a.Key, value: a.Value, first: w.by[a.Key], later: ref})
		}
	}
}

// wish gives the annotations that one profile wants Lighterman to write.
func wish(ctx context.Context, source resolve.Source, account types.NamespacedName, ref injector.Ref) ([]profile.Annotation, error) {
	c, err := source.Profile(ctx, ref, account.Namespace)
	if errors.Is(err, resolve.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find %s %s: %w", ref.Kind, ref.Name, err)
	}
	err = resolve.CheckNamespace(ctx, source, c, account.Namespace)
	if err == nil {
		err = injector.AllowsServiceAccount(c.Profile, account.Name)
	}
	if _, denied := errors.AsType[*injector.DeniedError](err); denied {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	want, write := profile.ServiceAccountAnnotations(c.Spec)
	if !write {
		return nil, nil
	}
	return want, nil
}

// annotations are what Lighterman is to own on the service account.
func (w *wishes) annotations() map[string]string {
	all := make(map[string]string, len(w.values)+1)
	maps.Copy(all, w.values)
	if len(w.asking) > 0 {
		all[injector.AnnotationAnnotatedFor] = record(w.asking)
	}
	return all
}

// shown reports whether annotations show what all profiles want, and nothing that may be left over from one that wanted
// it once.
func (w *wishes) shown(annotations map[string]string) bool {
	for _, key := range profile.IdentityAnnotations {
		if value, ok := annotations[key]; value != w.values[key] || (ok && value == "") {
			return false
		}
	}
	return annotations[injector.AnnotationAnnotatedFor] == record(w.asking)
}

// nothing reports whether neither the record nor a profile asks for anything.
func (w *wishes) nothing(askers []injector.Ref) bool { return len(askers) == 0 && len(w.asking) == 0 }

// record writes profiles as the value of AnnotationAnnotatedFor.
func record(askers []injector.Ref) string {
	names := make([]string, len(askers))
	for i, ref := range askers {
		names[i] = ref.Kind + "/" + ref.Name
	}
	return strings.Join(names, ",")
}

// recorded reads what record wrote. What it did not write is left out.
func recorded(value string) []injector.Ref {
	var askers []injector.Ref
	for item := range strings.SplitSeq(value, ",") {
		kind, name, _ := strings.Cut(item, "/")
		ref := injector.Ref{Kind: kind, Name: name}
		known := kind == v1alpha1.KindCredentialProfile || kind == v1alpha1.KindClusterCredentialProfile
		if known && len(validation.IsDNS1123Subdomain(name)) == 0 && !slices.Contains(askers, ref) && len(askers) < maxAskers {
			askers = append(askers, ref)
		}
	}
	return askers
}
