package injector

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/internal/message"
)

// wraps reports whether the uploader runs the container's command.
func (u *uploadPlan) wraps(t *target) bool {
	return u.wrap && t.list == "containers" && (u.ownsVolume || spoolMount(t, u.path) != nil)
}

// spoolMounts returns the mounts that a container gets for the spool. It warns of a mount that hides part of the spool.
func (u *uploadPlan) spoolMounts(s scope) []corev1.VolumeMount {
	for i := range s.VolumeMounts {
		m := &s.VolumeMounts[i]
		if where := cleanPath(m.MountPath); where != u.path && isWithin(where, u.path) {
			s.warn("container %q has volume %s at %s, below the spool %s: files there are not uploaded", s.Name, message.Value(m.Name), message.Value(m.MountPath), u.path)
		}
	}
	if u.ownsVolume && spoolMount(s.target, u.path) == nil {
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
		return nil, Deny(ReasonNotSupported, fmt.Sprintf(
			"%s: completion Wrap runs the command of container %q, and it has none of its own (Lighterman does not read images): write %s.command, list the container in %s, or use completion Drain",
			u.field, s.Name, s.fieldPath(), AnnotationSkipContainers))
	}
	s.warn("completion Wrap: the command of container %q is run by %s exec", s.Name, program)
	return append([]string{
		program, "exec", "--container=" + s.Name, fmt.Sprintf("--timeout=%ds", u.drainTimeout()), "--",
	}, s.Command...), nil
}
