package injector

import (
	"fmt"

	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/profile"
)

// checkUnproven denies a pod that was injected before by a version that did not record what it wrote, where a container
// has variables that might be of that injection: they may name another identity or another store than today's profile.
func checkUnproven(pod *Pod, d *desired, f *former, targets []target) error {
	if !f.isReplaced() || f.added.knowsVariables() {
		return nil
	}
	recipients := map[*Container]bool{}
	for i := range targets {
		recipients[targets[i].Container] = targets[i].recipient
	}
	var unproven []string
	for _, list := range []struct {
		name       string
		containers []Container
	}{{"initContainers", pod.Spec.InitContainers}, {"containers", pod.Spec.Containers}} {
		for i := range list.containers {
			c := &list.containers[i]
			if names := unprovenVars(d, c, recipients[c]); len(names) > 0 {
				unproven = append(unproven, fmt.Sprintf(
					"spec.%s[%d].env: container %q has %s, and the pod was injected before, without a record of what Lighterman wrote: remove the variables, for Lighterman adds its own; where one is the container's own, remove instead the annotation %s, and the containers, volumes and mounts whose names begin with lighterman-",
					list.name, i, message.Value(c.Name), message.List(names), AnnotationInjected))
			}
		}
	}
	if len(unproven) == 0 {
		return nil
	}
	return Deny(ReasonCollision, unproven...)
}

// unprovenVars returns the names of the variables that Lighterman may have written. In a container that is to get the same
// from today's profile they do no harm.
func unprovenVars(d *desired, c *Container, recipient bool) []string {
	var names []string
	for i := range c.Env {
		e := &c.Env[i]
		if (d.injects(e.Name) || profile.IsKnownVariable(e.Name)) && (!recipient || !d.equalsInjected(e)) {
			names = append(names, e.Name)
		}
	}
	return names
}
