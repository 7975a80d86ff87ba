package injector

import (
	"fmt"
	"slices"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/profile"
)

// target is a container that is to be injected, and what is known of it before.
type target struct {
	*Container
	list  string // "containers" or "initContainers"
	index int    // in its list
	// recipient: the container is to get the profile's identity. The others of a pod with an uploader only write files.
	recipient bool
	// own are the variables that the container sets itself.
	own ownVariables
}

// readTargets completes the targets with what they set themselves.
func readTargets(targets []target, m *Metadata, d *desired) {
	total := 0
	for i := range targets {
		total += len(targets[i].Env)
	}
	space := make([]ownVariable, total)
	for i := range targets {
		t := &targets[i]
		t.own = readOwnVariables(t.Container, m, d, space[:0:len(t.Env)])
		space = space[len(t.Env):]
	}
}

// fieldPath returns the container's place in the pod, for messages.
func (t *target) fieldPath() string { return fmt.Sprintf("spec.%s[%d]", t.list, t.index) }

// ownContainers are those that Lighterman adds.
var ownContainers = []string{BundleContainerName, UploaderContainerName, PreflightContainerName}

// isOwnContainer reports whether the name is that of a container that Lighterman adds.
func isOwnContainer(name string) bool { return slices.Contains(ownContainers, name) }

// findTargets returns the containers that are to be injected, with pointers into pod, init containers first. Without an
// uploader each of them is a recipient of the identity. With one, they are the containers whose files it may upload, and
// only those are recipients for which the pod or the profile asks for more.
func findTargets(pod *Pod, tools []v1alpha1.Tool, u *uploadRequest) ([]target, error) {
	only, err := containerNames(pod, AnnotationContainers)
	if err != nil {
		return nil, err
	}
	skip, err := containerNames(pod, AnnotationSkipContainers)
	if err != nil {
		return nil, err
	}
	isNamed := func(name string) bool {
		return (only == nil || only[name]) && !skip[name]
	}
	if u != nil {
		asked := only != nil || asksForTools(pod, tools) || u.spec.Identity == profile.IdentityOfContainers
		return findWriters(pod, skip, func(name string) bool { return asked && isNamed(name) }), nil
	}
	found := listTargets(pod, isNamed, isNamed)
	if len(found) == 0 {
		return nil, Deny(ReasonUnknownContainer, fmt.Sprintf(
			"annotations %s and %s leave no container to inject: name at least one, or set annotation %s to \"false\" for a pod without an identity",
			AnnotationContainers, AnnotationSkipContainers, AnnotationInject))
	}
	return found, nil
}

// findWriters returns the containers whose files the uploader may upload: all but those that skip lists. A list without
// which no container of spec.containers would be left can only mean the identity: the uploader is there for what they
// write.
func findWriters(pod *Pod, skip map[string]bool, isRecipient func(string) bool) []target {
	isSkipped := func(name string) bool { return skip[name] }
	if !slices.ContainsFunc(pod.Spec.Containers, func(c Container) bool { return !isSkipped(c.Name) }) {
		isSkipped = func(string) bool { return false }
	}
	return listTargets(pod, func(name string) bool { return !isSkipped(name) }, isRecipient)
}

// asksForTools reports whether the profile, or the pod's annotation in its place, names a tool. sdk counts: a pod that
// names it asks for containers that reach the store themselves.
func asksForTools(pod *Pod, tools []v1alpha1.Tool) bool {
	return len(tools) > 0 || len(splitList(pod.Metadata.Annotations[AnnotationTools])) > 0
}

// listTargets returns the pod's containers that isTarget reports, but never Lighterman's own.
func listTargets(pod *Pod, isTarget, isRecipient func(name string) bool) []target {
	found := make([]target, 0, len(pod.Spec.InitContainers)+len(pod.Spec.Containers))
	add := func(list string, containers []Container) {
		for i := range containers {
			if c := &containers[i]; isTarget(c.Name) && !isOwnContainer(c.Name) {
				found = append(found, target{Container: c, list: list, index: i, recipient: isRecipient(c.Name)})
			}
		}
	}
	add("initContainers", pod.Spec.InitContainers)
	add("containers", pod.Spec.Containers)
	return found
}
