package injector

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/uploader"
)

// wraps reports whether the uploader runs the container's command.
func (u *uploadPlan) wraps(t *target) bool {
	if u.outputs != nil {
		return u.outputs[t.Container] != ""
	}
	return u.wrap && t.list == "containers" && (u.ownsVolume || spoolMount(t.Container, u.path) != nil || u.isWrittenBy(t.Container))
}

// spoolMounts returns the mounts that a container gets for the spool.
func (u *uploadPlan) spoolMounts(t *target) []corev1.VolumeMount {
	if u.ownsVolume && spoolMount(t.Container, u.path) == nil {
		return []corev1.VolumeMount{{Name: SpoolVolumeName, MountPath: u.path}}
	}
	return nil
}

// wrapCommand returns the container's command under the uploader, which ends only when all is uploaded; nil: an earlier
// pass has wrapped it.
func (u *uploadPlan) wrapCommand(s scope) ([]string, error) {
	if wrapperIndex(s.Command) >= 0 { // Another webhook may have wrapped it since.
		return nil, nil
	}
	if len(s.Command) == 0 {
		return nil, u.denyNoCommand(s)
	}
	command := []string{program, "exec", "--container=" + s.Name}
	output := ""
	if file := u.outputs[s.Container]; file != "" {
		command = append(command, "--stdout="+escapeReferences(file))
		output = fmt.Sprintf(", and its standard output goes to %s in the store: kubectl logs does not show it", message.Quote(file))
	}
	s.warn("completion Wrap: the command of container %q is run by %s exec%s", s.Name, program, output)
	return slices.Concat(command, []string{fmt.Sprintf("--timeout=%ds", u.drainTimeout()), "--"}, s.Command), nil
}

// denyNoCommand denies a container whose command only its image names.
func (u *uploadPlan) denyNoCommand(s scope) error {
	why := "completion Wrap"
	if u.outputs != nil {
		why = "its standard output is the backup"
	} else if u.wrapsByDefault {
		why += ", the default for a pod with restartPolicy " + string(u.restartPolicy)
	}
	skip := ""
	if len(u.wrapped) > 1 {
		skip = "list the container in annotation " + AnnotationSkipContainers + "; or "
	}
	drain := fmt.Sprintf("set annotation %s to %s, with which nothing tells whether the container failed", AnnotationCompletion, uploader.Drain)
	if u.outputs != nil {
		skip, drain = "", "let the container write a file, and set annotation "+AnnotationUpload+" to its directory"
	}
	return Deny(ReasonNotSupported, fmt.Sprintf(
		"%s: the uploader runs the command of container %q (%s), and the container has none of its own (Lighterman does not read images): write the ENTRYPOINT of the image into %s.command and, unless the container has args, its CMD into args (\"crane config IMAGE\" and \"docker inspect IMAGE\" show both); or %s%s",
		u.field, s.Name, why, s.fieldPath(), skip, drain))
}

// checkWrapped denies a pod in which no command tells whether the backup is whole.
func (u *uploadPlan) checkWrapped() error {
	if !u.wrap || len(u.wrapped) > 0 {
		return nil
	}
	return Deny(ReasonNotSupported, fmt.Sprintf(
		"%s: completion Wrap has no command to wait for, because no container of spec.containers mounts the volume of the spool %s: mount it in the container that writes the backup, or set annotation %s to %s, with which nothing tells whether a container failed",
		u.field, u.path, AnnotationCompletion, uploader.Drain))
}
