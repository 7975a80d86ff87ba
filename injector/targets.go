package injector

import (
	"fmt"
	"slices"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/profile"
)

// ownContainers are those that Lighterman adds.
var ownContainers = []string{BundleContainerName, UploaderContainerName, PreflightContainerName}

// isOwnContainer reports whether the name is that of a container that Lighterman adds.
func isOwnContainer(name string) bool { return slices.Contains(ownContainers, name) }

// findTargets returns the containers that are to be injected, with pointers into pod, init containers first. Without an
// uploader each of them is a recipient of the identity. With one, they are the containers whose files it may upload, and
// only those are recipients for which the pod or the profile asks for more.
func findTargets(pod *Pod, tools []v1alpha1.Tool, u *upload) ([]target, error) {
	only, err := containerNames(pod, AnnotationContainers)
	if err != nil {
		return nil, err
	}
	skip, err := containerNames(pod, AnnotationSkipContainers)
	if err != nil {
		return nil, err
	}
	named := func(name string) bool {
		return (only == nil || only[name]) && !skip[name]
	}
	if u != nil {
		asked := only != nil || asksForTools(pod, tools) || u.spec.Identity == profile.IdentityOfContainers
		return writers(pod, skip, func(name string) bool { return asked && named(name) }), nil
	}
	found := listTargets(pod, named, named)
	if len(found) == 0 {
		return nil, Deny(ReasonUnknownContainer, fmt.Sprintf(
			"annotations %s and %s leave no container to inject: name at least one, or set annotation %s to \"false\" for a pod without an identity",
			AnnotationContainers, AnnotationSkipContainers, AnnotationInject))
	}
	return found, nil
}

// writers returns the containers whose files the uploader may upload: all but those that skip lists. A list without which
// no container of spec.containers would be left can only mean the identity: the uploader is there for what they write.
func writers(pod *Pod, skip map[string]bool, recipient func(string) bool) []target {
	skipped := func(name string) bool { return skip[name] }
	if !slices.ContainsFunc(pod.Spec.Containers, func(c Container) bool { return !skipped(c.Name) }) {
		skipped = func(string) bool { return false }
	}
	return listTargets(pod, func(name string) bool { return !skipped(name) }, recipient)
}

// asksForTools reports whether the profile, or the pod's annotation in its place, names a tool. sdk counts: a pod that
// names it says that its containers reach the store themselves.
func asksForTools(pod *Pod, tools []v1alpha1.Tool) bool {
	return len(tools) > 0 || len(splitList(pod.Metadata.Annotations[AnnotationTools])) > 0
}

// listTargets returns the pod's containers that wanted reports, but never Lighterman's own.
func listTargets(pod *Pod, wanted, recipient func(name string) bool) []target {
	found := make([]target, 0, len(pod.Spec.InitContainers)+len(pod.Spec.Containers))
	add := func(list string, containers []Container) {
		for i := range containers {
			if c := &containers[i]; wanted(c.Name) && !isOwnContainer(c.Name) {
				found = append(found, target{Container: c, list: list, index: i, recipient: recipient(c.Name)})
			}
		}
	}
	add("initContainers", pod.Spec.InitContainers)
	add("containers", pod.Spec.Containers)
	return found
}
