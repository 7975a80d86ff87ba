package injector

import (
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/internal/message"
)

// spool is the volume that the uploader uploads from.
type spool struct {
	// mount is the spool's in the sidecar.
	mount corev1.VolumeMount
	// ownsVolume: the volume is SpoolVolumeName, which Lighterman adds.
	ownsVolume bool
	// dir is the spool's directory in the volume, without slashes at either end; empty: the whole volume.
	dir string
}

// findSpool returns the volume that the containers mount at the spool, or above it. Where none does, an emptyDir is made.
// It denies a pod whose containers would write where the uploader does not look.
func (s podScope) findSpool(u *uploadRequest, targets []target) (spool, error) {
	found, err := mountedSpool(u, targets)
	if err != nil {
		return spool{}, err
	}
	readOnly := readOnlyVolumes(s.pod)
	if found.ownsVolume {
		s.warnSkippedSpool(u, targets)
	} else if err := s.checkWritable(u, &found, readOnly[found.mount.Name]); err != nil {
		return spool{}, err
	}
	return found, s.checkBelow(u, &found, readOnly, targets)
}

// mountedSpool returns the volume that the containers mount at the spool, or above it; an emptyDir where none does.
func mountedSpool(u *uploadRequest, targets []target) (spool, error) {
	var found spool
	var owner *target
	for i := range targets {
		t := &targets[i]
		m := spoolMount(t.Container, u.path)
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
			found.dir = volumeDir(m, u.path)
		case found.mount.Name != m.Name || found.mount.SubPath != m.SubPath ||
			found.mount.MountPath != cleanPath(m.MountPath):
			return spool{}, Deny(ReasonCollision, fmt.Sprintf(
				"%s: containers %q and %q have different volumes or directories of volumes at %s: list those whose files are not to be uploaded in annotation %s",
				u.field, owner.Name, t.Name, u.path, AnnotationSkipContainers))
		}
	}
	if owner == nil || found.mount.Name == SpoolVolumeName {
		return spool{mount: corev1.VolumeMount{Name: SpoolVolumeName, MountPath: u.path}, ownsVolume: true}, nil
	}
	return found, nil
}

// spoolMount returns the container's mount that dir lies in: the one with the longest path; nil: there is none.
func spoolMount(c *Container, dir string) *corev1.VolumeMount {
	var found *corev1.VolumeMount
	for i := range c.VolumeMounts {
		m := &c.VolumeMounts[i]
		if isWithin(dir, cleanPath(m.MountPath)) && (found == nil || len(found.MountPath) < len(m.MountPath)) {
			found = m
		}
	}
	return found
}

// volumeDir returns the directory of the volume that a mount has at a path at or below its own.
func volumeDir(m *corev1.VolumeMount, at string) string {
	return strings.TrimPrefix(path.Join("/", m.SubPath, strings.TrimPrefix(at, cleanPath(m.MountPath))), "/")
}

// holdsDir reports whether a directory of a volume is the other, or the other lies below it.
func holdsDir(dir, other string) bool { return dir == "" || isWithin(other, dir) }

// isMountedBy reports whether the container mounts the spool's volume, or will.
func (s *spool) isMountedBy(t *target) bool {
	return s.ownsVolume ||
		slices.ContainsFunc(t.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == s.mount.Name })
}

// isWrittenBy reports whether the container may write into the spool: under the spool's own path or another.
func (s *spool) isWrittenBy(c *Container) bool {
	return slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool {
		if m.Name != s.mount.Name || m.ReadOnly {
			return false
		}
		dir := volumeDir(&m, cleanPath(m.MountPath))
		return m.SubPathExpr != "" || holdsDir(dir, s.dir) || holdsDir(s.dir, dir)
	})
}

// checkWritable denies a pod in which no container can write into the spool. The kind is that of a volume that is
// read-only.
func (s podScope) checkWritable(u *uploadRequest, found *spool, kind string) error {
	if kind == "" && slices.ContainsFunc(slices.Concat(s.pod.Spec.InitContainers, s.pod.Spec.Containers), func(c Container) bool {
		return !isOwnContainer(c.Name) && found.isWrittenBy(&c)
	}) {
		return nil
	}
	why, cure := "every container mounts it read-only", "leave readOnly out of the mount in the container that writes the backup"
	if kind != "" {
		why, cure = "a volume of the kind "+kind+" is read-only", "mount a volume there that the container can write, or name another directory"
	}
	return Deny(ReasonNotSupported, fmt.Sprintf(
		"%s: no container can write into the spool %s: it lies in volume %s, and %s, so there would be nothing to upload: %s",
		u.field, u.path, message.Value(found.mount.Name), why, cure))
}

// readOnlyVolumes returns the kinds of the pod's volumes that no container can write, by name.
func readOnlyVolumes(pod *Pod) map[string]string {
	kinds := map[string]string{}
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		switch {
		case v.ConfigMap != nil:
			kinds[v.Name] = "configMap"
		case v.Secret != nil:
			kinds[v.Name] = "secret"
		case v.DownwardAPI != nil:
			kinds[v.Name] = "downwardAPI"
		case v.Projected != nil:
			kinds[v.Name] = "projected"
		case v.Image != nil:
			kinds[v.Name] = "image"
		case v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ReadOnly:
			kinds[v.Name] = "persistentVolumeClaim with readOnly"
		}
	}
	return kinds
}

// checkBelow denies a pod in which a container would write into a volume that is mounted below the spool, and hides a part
// of it from the uploader. It warns of one that is read-only.
func (s podScope) checkBelow(u *uploadRequest, found *spool, readOnly map[string]string, targets []target) error {
	for i := range targets {
		t := &targets[i]
		for j := range t.VolumeDevices {
			if d := &t.VolumeDevices[j]; isWithin(cleanPath(d.DevicePath), u.path) {
				return Deny(ReasonNotSupported, fmt.Sprintf(
					"%s: container %q has block device %s at %s, in the spool %s, and only files are uploaded: name another directory",
					u.field, t.Name, message.Value(d.Name), message.Value(d.DevicePath), u.path))
			}
		}
		for j := range t.VolumeMounts {
			m := &t.VolumeMounts[j]
			where := cleanPath(m.MountPath)
			if where == u.path || !isWithin(where, u.path) || found.shows(m) {
				continue
			}
			if m.ReadOnly || readOnly[m.Name] != "" {
				s.warn("container %q has volume %s at %s, below the spool %s: files there are not uploaded",
					t.Name, message.Value(m.Name), message.Value(m.MountPath), u.path)
				continue
			}
			return Deny(ReasonNotSupported, fmt.Sprintf(
				"%s: container %q has volume %s at %s, below the spool %s, and its files there would not be uploaded: set annotation %s to %s, mount the volume at %s, or list the container in annotation %s",
				u.field, t.Name, message.Value(m.Name), message.Value(m.MountPath), u.path, AnnotationUpload, message.Value(where),
				u.path, AnnotationSkipContainers))
		}
	}
	return nil
}

// shows reports whether a mount has nothing but what lies in the spool.
func (s *spool) shows(m *corev1.VolumeMount) bool {
	return m.Name == s.mount.Name && m.SubPathExpr == "" && holdsDir(s.dir, volumeDir(m, cleanPath(m.MountPath)))
}

// warnSkippedSpool warns of a container that has a volume at the spool and is left out, where the others get an empty one.
func (s podScope) warnSkippedSpool(u *uploadRequest, targets []target) {
	isTarget := make(map[*Container]bool, len(targets))
	for i := range targets {
		isTarget[targets[i].Container] = true
	}
	for _, list := range [][]Container{s.pod.Spec.InitContainers, s.pod.Spec.Containers} {
		for i := range list {
			c := &list[i]
			if m := spoolMount(c, u.path); m != nil && !isOwnContainer(c.Name) && !isTarget[c] {
				s.warn("container %q has volume %s at %s and is listed in annotation %s: the other containers get an empty directory at %s, and only what they write there is uploaded",
					c.Name, message.Value(m.Name), message.Value(m.MountPath), AnnotationSkipContainers, u.path)
			}
		}
	}
}
