package lightermancmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/manifest"
	"lighterman.dev/lighterman/webhook/resolve"
)

// profiles are the profiles of the files of --profile.
type profiles []*resolve.ScopedProfile

// readProfiles returns the profiles in files, whose other objects it ignores.
func readProfiles(ctx context.Context, names []string) (profiles, error) {
	var found profiles
	for _, name := range names {
		text, err := os.ReadFile(name) //nolint:gosec // The user names the file.
		if err != nil {
			return nil, err
		}
		inFile, err := parseProfiles(ctx, text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		found = append(found, inFile...)
	}
	for i, prof := range found {
		if slices.ContainsFunc(found[:i], func(p *resolve.ScopedProfile) bool {
			return p.Kind == prof.Kind && p.Namespace == prof.Namespace && p.Name == prof.Name
		}) {
			return nil, fmt.Errorf("--profile: %s %s is given twice: give it once", prof.Kind, prof)
		}
	}
	return found, nil
}

func parseProfiles(ctx context.Context, text []byte) (profiles, error) {
	documents, err := manifest.Parse(text)
	if err != nil {
		return nil, err
	}
	var found profiles
	var refusals []error
	for _, document := range documents {
		for _, object := range document.Objects {
			if schema.FromAPIVersionAndKind(object.APIVersion, object.Kind).Group != v1alpha1.GroupVersion.Group {
				continue
			}
			p, err := parseProfile(ctx, object)
			if err != nil {
				refusals = append(refusals, err)
				continue
			}
			found = append(found, p)
		}
	}
	if err := errors.Join(refusals...); err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("there is no profile in it: write apiVersion: %s and kind: %s or %s", v1alpha1.GroupVersion,
			v1alpha1.KindCredentialProfile, v1alpha1.KindClusterCredentialProfile)
	}
	return found, nil
}

// parseProfile returns the profile of an object, which the rules of the API server must accept first: without one, nothing else has
// evaluated them.
func parseProfile(ctx context.Context, object *manifest.Object) (*resolve.ScopedProfile, error) {
	if err := checkRules(ctx, object); err != nil {
		return nil, err
	}
	return resolve.Parse(object.JSON)
}

// resolveProfile returns what the webhook decides, but that a pod which is the only one gets the only profile even if nothing names
// it.
func (p profiles) resolveProfile(ctx context.Context, pod *injector.Pod, only bool) (resolve.Resolution, error) {
	namespace := pod.Metadata.Namespace
	resolution, err := resolve.Profile(ctx, p, pod, namespace)
	if err != nil || resolution != (resolve.Resolution{}) || !only || len(p) != 1 {
		return resolution, err
	}
	sole, err := p.Profile(ctx, resolve.Ref{Kind: p[0].Kind, Name: p[0].Name}, namespace)
	if err != nil {
		return resolution, err
	}
	return resolve.Resolution{Profile: sole.Profile}, resolve.Authorize(ctx, p, sole, pod, namespace)
}

var _ resolve.Source = profiles(nil)

// Profile returns the profile that ref names. Its errors name the files, which the user can correct.
func (p profiles) Profile(_ context.Context, ref resolve.Ref, namespace string) (*resolve.ScopedProfile, error) {
	namesakes := p.filter(func(p *resolve.ScopedProfile) bool { return p.Kind == ref.Kind && p.Name == ref.Name })
	if len(namesakes) == 0 {
		return nil, fmt.Errorf("the pod's annotation names %s %q, and the files of --profile hold %s", ref.Kind, ref.Name, p)
	}
	found := namesakes.filter(func(p *resolve.ScopedProfile) bool { return mayServe(p, namespace) })
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("the pod is in namespace %s, and the files of --profile hold %s: a %s serves its own "+
			"namespace only",
			namespace, namesakes, ref.Kind)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("the pod's annotation names %s %q, and the files of --profile hold %s: write "+
		"metadata.namespace of the object",
		ref.Kind, ref.Name, found)
}

// ListWithSelector returns the profiles that have a selector.
func (p profiles) ListWithSelector(_ context.Context, namespace string) ([]resolve.ScopedProfile, error) {
	var found []resolve.ScopedProfile
	for _, candidate := range p {
		if candidate.Spec.Selector != nil && mayServe(candidate, namespace) {
			found = append(found, *candidate)
		}
	}
	return found, nil
}

// Namespace returns a namespace of which nothing is known: files do not show a cluster's namespaces.
func (p profiles) Namespace(context.Context, string) (resolve.Namespace, error) {
	return resolve.Namespace{Unknown: true}, nil
}

// AccountAnnotations returns none: files do not show a cluster's service accounts.
func (p profiles) AccountAnnotations(context.Context, types.NamespacedName) (map[string]string, error) {
	return nil, nil
}

// mayServe reports whether pods of a namespace may have the profile, as far as files can tell: an empty namespace may be any.
func mayServe(p *resolve.ScopedProfile, namespace string) bool {
	return p.Kind == v1alpha1.KindClusterCredentialProfile || p.Namespace == "" || namespace == "" ||
		p.Namespace == namespace
}

func (p profiles) filter(keep func(*resolve.ScopedProfile) bool) profiles {
	return slices.DeleteFunc(slices.Clone(p), func(p *resolve.ScopedProfile) bool { return !keep(p) })
}

// String lists the profiles.
func (p profiles) String() string {
	names := make([]string, len(p))
	for i, profile := range p {
		names[i] = profile.Kind + " " + profile.String()
	}
	return strings.Join(names, ", ")
}
