package lightermancmd

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/manifest"
	"lighterman.dev/lighterman/profile"
)

// profiles are those that the pods of "lighterman inject" may get.
type profiles []*profile.Profile

// readProfiles reads the profiles of files. Other objects in them are not looked at.
func readProfiles(names []string) (profiles, error) {
	var found profiles
	for _, name := range names {
		text, err := os.ReadFile(name) //nolint:gosec // The user names the file.
		if err != nil {
			return nil, err
		}
		inFile, err := parseProfiles(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		found = append(found, inFile...)
	}
	for i, prof := range found {
		if slices.ContainsFunc(found[:i], func(p *profile.Profile) bool {
			return p.Kind == prof.Kind && p.Namespace == prof.Namespace && p.Name == prof.Name
		}) {
			return nil, fmt.Errorf("--profile: %s %s is given twice: give it once", prof.Kind, prof)
		}
	}
	return found, nil
}

func parseProfiles(text []byte) (profiles, error) {
	documents, err := manifest.Parse(text)
	if err != nil {
		return nil, err
	}
	var found profiles
	for _, document := range documents {
		for _, object := range document.Objects {
			if schema.FromAPIVersionAndKind(object.APIVersion, object.Kind).Group != v1alpha1.GroupVersion.Group {
				continue
			}
			profile, err := profile.Parse(object.JSON)
			if err != nil {
				return nil, err
			}
			found = append(found, profile)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("there is no profile in it: write apiVersion: %s and kind: %s or %s", v1alpha1.GroupVersion,
			v1alpha1.KindCredentialProfile, v1alpha1.KindClusterCredentialProfile)
	}
	return found, nil
}

// choose gives the profile that the pod is injected with, as the webhook does; nil: none. A pod that is the only one gets
// the only profile even if nothing says so.
func (p profiles) choose(pod *injector.Pod, only bool) (*profile.Profile, error) {
	ref, err := injector.Requested(&pod.Metadata)
	if err != nil {
		return nil, err
	}
	if ref != (injector.Ref{}) {
		return p.named(ref, pod.Metadata.Namespace)
	}
	matching := p.filter(func(profile *profile.Profile) bool {
		return serves(profile, pod.Metadata.Namespace) && injector.Selects(profile, pod)
	})
	switch {
	case len(matching) > 1:
		return nil, injector.AmbiguousSelector(matching)
	case len(matching) == 1:
		return matching[0], nil
	case only && len(p) == 1:
		return p.named(injector.Ref{Kind: p[0].Kind, Name: p[0].Name}, pod.Metadata.Namespace)
	}
	return nil, nil
}

// named gives the profile that an annotation names.
func (p profiles) named(ref injector.Ref, namespace string) (*profile.Profile, error) {
	namesakes := p.filter(func(profile *profile.Profile) bool { return profile.Kind == ref.Kind && profile.Name == ref.Name })
	if len(namesakes) == 0 {
		return nil, fmt.Errorf("the pod's annotation names %s %q, and the files of --profile hold %s", ref.Kind, ref.Name, p)
	}
	found := namesakes.filter(func(profile *profile.Profile) bool { return serves(profile, namespace) })
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("the pod is in namespace %s, and the files of --profile hold %s: a %s serves its own namespace only",
			namespace, namesakes, ref.Kind)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("the pod's annotation names %s %q, and the files of --profile hold %s: write metadata.namespace of the object",
		ref.Kind, ref.Name, found)
}

// serves reports whether pods of a namespace may have the profile, as far as files can tell: an empty namespace may be any.
func serves(profile *profile.Profile, namespace string) bool {
	return profile.Kind == v1alpha1.KindClusterCredentialProfile || profile.Namespace == "" || namespace == "" ||
		profile.Namespace == namespace
}

func (p profiles) filter(keep func(*profile.Profile) bool) profiles {
	return slices.DeleteFunc(slices.Clone(p), func(profile *profile.Profile) bool { return !keep(profile) })
}

// String lists the profiles.
func (p profiles) String() string {
	names := make([]string, len(p))
	for i, profile := range p {
		names[i] = profile.Kind + " " + profile.String()
	}
	return strings.Join(names, ", ")
}
