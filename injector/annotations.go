package injector

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/profile"
)

// Ref names the profile that a pod asks for.
type Ref struct {
	// Kind is v1alpha1.KindCredentialProfile or v1alpha1.KindClusterCredentialProfile.
	Kind string
	Name string
}

// OptedOut reports whether the pod says that it does not want to be injected.
func OptedOut(m *Metadata) bool { return m.Annotations[AnnotationInject] == "false" }

// Requested gives the profile that the pod's annotations name. The zero Ref means that they name none. The error is a
// *DeniedError.
func Requested(m *Metadata) (Ref, error) { return RequestedBy(m.Annotations, "the pod") }

// DefaultAnnotations are the keys of the annotations by which a service account or a namespace names a default.
var DefaultAnnotations = []string{AnnotationProfile, AnnotationClusterProfile}

// RequestedBy gives the profile that the annotations of an object name; by is the object in messages.
func RequestedBy(annotations map[string]string, by string) (Ref, error) {
	profile, namespaced := annotations[AnnotationProfile]
	cluster, clusterWide := annotations[AnnotationClusterProfile]
	switch {
	case namespaced && clusterWide:
		return Ref{}, Deny(ReasonBothProfiles, fmt.Sprintf("%s has both annotations %s and %s: remove one",
			by, AnnotationProfile, AnnotationClusterProfile))
	case namespaced:
		return named(v1alpha1.KindCredentialProfile, AnnotationProfile, profile, by)
	case clusterWide:
		return named(v1alpha1.KindClusterCredentialProfile, AnnotationClusterProfile, cluster, by)
	}
	return Ref{}, nil
}

func named(kind, annotation, name, by string) (Ref, error) {
	if name == "" {
		return Ref{}, Deny(ReasonInvalidAnnotation, fmt.Sprintf("annotation %s of %s is empty: write the name of a %s",
			annotation, by, kind))
	}
	// A name that no object can have would be an error of the API server's client, not an answer.
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		return Ref{}, Deny(ReasonInvalidAnnotation, fmt.Sprintf(
			"annotation %s of %s is %s, which is no name of a %s: write at most 253 lower-case letters and digits, with dashes and dots between them",
			annotation, by, message.Quote(name), kind))
	}
	return Ref{Kind: kind, Name: name}, nil
}

// containerNames returns the names that an annotation lists; nil when the pod does not have it.
func containerNames(pod *Pod, annotation string) (map[string]bool, error) {
	value, set := pod.Metadata.Annotations[annotation]
	if !set {
		return nil, nil
	}
	listed := splitList(value)
	switch {
	case len(listed) == 0:
		return nil, Deny(ReasonInvalidAnnotation, fmt.Sprintf(
			"annotation %s is empty: list container names separated by commas, or remove it", annotation))
	case len(listed) > maxNames:
		return nil, Deny(ReasonInvalidAnnotation, fmt.Sprintf(
			"annotation %s has %d names: list at most %d", annotation, len(listed), maxNames))
	}
	known := containerSet(pod)
	names := make(map[string]bool, len(listed))
	for _, name := range listed {
		if !known[name] {
			return nil, Deny(ReasonUnknownContainer, fmt.Sprintf("annotation %s: the pod has no container %s; it has %s",
				annotation, message.Quote(name), containerList(pod)))
		}
		names[name] = true
	}
	return names, nil
}

func hasContainer(containers []Container, name string) bool {
	return slices.ContainsFunc(containers, func(c Container) bool { return c.Name == name })
}

func containerSet(pod *Pod) map[string]bool {
	names := make(map[string]bool, len(pod.Spec.InitContainers)+len(pod.Spec.Containers))
	for _, list := range [][]Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			names[list[i].Name] = true
		}
	}
	return names
}

func containerList(pod *Pod) string {
	names := make([]string, 0, len(pod.Spec.InitContainers)+len(pod.Spec.Containers))
	for _, list := range [][]Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			names = append(names, list[i].Name)
		}
	}
	return message.List(names)
}

// splitList splits a list at its commas; spaces and empty items do not count.
func splitList(value string) []string {
	var items []string
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// checkOverrides refuses annotations that are too long to be read, and tools that do not exist.
func checkOverrides(m *Metadata) error {
	if err := checkSizes(m); err != nil {
		return err
	}
	for _, tool := range splitList(m.Annotations[AnnotationTools]) {
		if !slices.Contains(profile.KnownTools, tool) {
			return Deny(ReasonUnknownTool, fmt.Sprintf("annotation %s: there is no tool %s; known are %s",
				AnnotationTools, message.Quote(tool), strings.Join(profile.KnownTools, ", ")))
		}
	}
	return nil
}

// toolsOf returns the tools of a pod: those of its annotation, else those of the profile. SDK is always there.
func toolsOf(m *Metadata, spec *v1alpha1.CredentialProfileSpec) (tools []v1alpha1.Tool, field string) {
	value, set := m.Annotations[AnnotationTools]
	if !set {
		return spec.Tools, ""
	}
	for _, name := range splitList(value) {
		if tool := v1alpha1.Tool(name); name != profile.SDK && !slices.Contains(tools, tool) {
			tools = append(tools, tool)
		}
	}
	return tools, "annotation " + AnnotationTools
}
