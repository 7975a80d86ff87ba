package injector

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/internal/message"
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
		case found.mount.Name != m.Name || found.mount.SubPath != m.SubPath ||
			found.mount.MountPath != cleanPath(m.MountPath):
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
		if isWithin(dir, cleanPath(m.MountPath)) && (found == nil || len(found.MountPath) < len(m.MountPath)) {
			found = m
		}
	}
	return found
}

// isMountedBy reports whether the container mounts the spool's volume, or will.
func (s *spool) isMountedBy(t *target) bool {
	return s.ownsVolume ||
		slices.ContainsFunc(t.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == s.mount.Name })
}
