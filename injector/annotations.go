package injector

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/profile"
)

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

// overrideRepository has the profile use the repository of pgBackRest that the pod chooses.
func overrideRepository(m *Metadata, r *profile.Resolved) error {
	value, set := m.Annotations[AnnotationPgbackrestRepository]
	if !set {
		return nil
	}
	number, err := strconv.ParseInt(value, 10, 32)
	switch {
	case err != nil || number < profile.FirstRepository || number > profile.LastRepository ||
		strconv.FormatInt(number, 10) != value:
		return Deny(ReasonInvalidAnnotation, fmt.Sprintf("annotation %s is %s: write a number from %d to %d",
			AnnotationPgbackrestRepository, message.Quote(value), profile.FirstRepository, profile.LastRepository))
	case !slices.Contains(r.Tools, profile.ToolPgbackrest):
		return Deny(ReasonInvalidAnnotation, fmt.Sprintf(
			"annotation %s: the pod does not use the tool %s: name it in annotation %s or in the profile's spec.tools, or remove the annotation",
			AnnotationPgbackrestRepository, profile.ToolPgbackrest, AnnotationTools))
	}
	r.ChooseRepository(int32(number))
	return nil
}
