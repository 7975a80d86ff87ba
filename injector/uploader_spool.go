package injector

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/uploader"
)

// spool is the volume that the uploader uploads from.
type spool struct {
	// mount is the spool's in the sidecar.
	mount corev1.VolumeMount
	// ownsVolume: the volume is SpoolVolumeName, which Lighterman adds.
	ownsVolume bool
}

// findSpool returns the volume that the containers mount at the spool, or above it. Where none does, an emptyDir is made.
func findSpool(u *uploadRequest, targets []target) (spool, error) {
	var found spool
	var owner *target
	for i := range targets {
		t := &targets[i]
		m := spoolMount(t, u.path)
		switch {
		case m == nil:
			continue
		case m.SubPathExpr != "":
			return spool{}, Deny(ReasonNotSupported, fmt.Sprintf(
				"%s: container %q mounts %s with subPathExpr, which refers to the container's own variables: use subPath, or mount the whole volume",
				u.field, t.Name, message.Value(m.MountPath)))
		case owner == nil:
			owner = t
			found.mount = corev1.VolumeMount{Name: m.Name, MountPath: cleanPath(m.MountPath), SubPath: m.SubPath}
		case found.mount.Name != m.Name || found.mount.SubPath != m.SubPath || found.mount.MountPath != cleanPath(m.MountPath):
			return spool{}, Deny(ReasonCollision, fmt.Sprintf(
				"%s: containers %q and %q have different volumes at %s: list those whose files are not to be uploaded in annotation %s",
				u.field, owner.Name, t.Name, u.path, AnnotationSkipContainers))
		}
	}
	if owner == nil || found.mount.Name == SpoolVolumeName {
		return spool{mount: corev1.VolumeMount{Name: SpoolVolumeName, MountPath: u.path}, ownsVolume: true}, nil
	}
	return found, nil
}

// spoolMount returns the container's mount that dir lies in: the one with the longest path; nil: there is none.
func spoolMount(t *target, dir string) *corev1.VolumeMount {
	var found *corev1.VolumeMount
	for i := range t.VolumeMounts {
		m := &t.VolumeMounts[i]
		if within(dir, cleanPath(m.MountPath)) && (found == nil || len(found.MountPath) < len(m.MountPath)) {
			found = m
		}
	}
	return found
}

// isMountedBy reports whether the container mounts the spool's volume, or will.
func (s *spool) isMountedBy(t *target) bool {
	return s.ownsVolume || slices.ContainsFunc(t.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == s.mount.Name })
}

// wraps reports whether the uploader runs the container's command.
func (u *uploadPlan) wraps(t *target) bool {
	return u.wrap && t.list == "containers" && (u.ownsVolume || spoolMount(t, u.path) != nil)
}

// spoolMounts returns the mounts that a container gets for the spool. It warns of a mount that hides part of the spool.
func (u *uploadPlan) spoolMounts(s scope) []corev1.VolumeMount {
	for i := range s.VolumeMounts {
		m := &s.VolumeMounts[i]
		if where := cleanPath(m.MountPath); where != u.path && within(where, u.path) {
			s.warn("container %q has volume %s at %s, below the spool %s: files there are not uploaded", s.Name, message.Value(m.Name), message.Value(m.MountPath), u.path)
		}
	}
	if u.ownsVolume && spoolMount(s.target, u.path) == nil {
		return []corev1.VolumeMount{{Name: SpoolVolumeName, MountPath: u.path}}
	}
	return nil
}

// program is the uploader's, in the volume that the sidecar puts it into.
const program = uploader.DefaultDirectory + "/uploader"

// wrapCommand returns the container's command under the uploader, which ends only when all is uploaded; nil: an earlier pass
// has wrapped it.
func (u *uploadPlan) wrapCommand(s scope) ([]string, error) {
	if wrapperIndex(s.Command) >= 0 { // Another webhook may have wrapped it since.
		return nil, nil
	}
	if len(s.Command) == 0 {
		return nil, Deny(ReasonNotSupported, fmt.Sprintf(
			"%s: completion Wrap runs the command of container %q, and it has none of its own (Lighterman does not read images): write %s.command, list the container in %s, or use completion Drain",
			u.field, s.Name, s.field(), AnnotationSkipContainers))
	}
	s.warn("completion Wrap: the command of container %q is run by %s exec", s.Name, program)
	return append([]string{
		program, "exec", "--container=" + s.Name, fmt.Sprintf("--timeout=%ds", u.drainTimeout()), "--",
	}, s.Command...), nil
}

// unwrap returns the command without the uploader's exec, and whether it had one. Another webhook may have wrapped it in
// turn.
func unwrap(command []string) (own []string, wrapped bool) {
	for at := wrapperIndex(command); at >= 0; at = wrapperIndex(command) {
		end := at + 2
		for end < len(command) && command[end] != "--" {
			end++
		}
		command, wrapped = slices.Concat(command[:at], command[min(end+1, len(command)):]), true
	}
	return command, wrapped
}

// wrapperIndex returns the index at which a command runs the uploader's exec; -1: it does not.
func wrapperIndex(command []string) int {
	for i := range len(command) - 1 {
		if command[i] == program && command[i+1] == "exec" {
			return i
		}
	}
	return -1
}
