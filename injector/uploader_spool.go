package injector

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/uploader"
)

// findSpool finds the volume that the containers mount at the spool, or above it. Where none does, an emptyDir is made.
func (p *plan) findSpool(found []target) error {
	u := p.upload
	var owner *target
	for i := range found {
		t := &found[i]
		m := spoolMount(t, u.path)
		switch {
		case m == nil:
			continue
		case m.SubPathExpr != "":
			return Deny(ReasonNotSupported, fmt.Sprintf(
				"%s: container %q mounts %s with subPathExpr, which refers to the container's own variables: use subPath, or mount the whole volume",
				u.field, t.Name, message.Value(m.MountPath)))
		case owner == nil:
			owner = t
			u.mount = corev1.VolumeMount{Name: m.Name, MountPath: cleanPath(m.MountPath), SubPath: m.SubPath}
		case u.mount.Name != m.Name || u.mount.SubPath != m.SubPath || u.mount.MountPath != cleanPath(m.MountPath):
			return Deny(ReasonCollision, fmt.Sprintf(
				"%s: containers %q and %q have different volumes at %s: list those whose files are not to be uploaded in annotation %s",
				u.field, owner.Name, t.Name, u.path, AnnotationSkipContainers))
		}
	}
	if owner == nil || u.mount.Name == SpoolVolumeName {
		u.made = true
		u.mount = corev1.VolumeMount{Name: SpoolVolumeName, MountPath: u.path}
	}
	return nil
}

// spoolMount is the container's mount that dir lies in: the one with the longest path.
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

// visitSpool gives the container what the uploader needs of it. It reports a mount that hides part of the spool.
func (p *plan) visitSpool(t *target) error {
	u := p.upload
	if u == nil {
		return nil
	}
	if u.made && spoolMount(t, u.path) == nil {
		t.mounts = append(t.mounts, corev1.VolumeMount{Name: SpoolVolumeName, MountPath: u.path})
	}
	for i := range t.VolumeMounts {
		m := &t.VolumeMounts[i]
		if where := cleanPath(m.MountPath); where != u.path && within(where, u.path) {
			p.warn("container %q has volume %s at %s, below the spool %s: files there are not uploaded", t.Name, message.Value(m.Name), message.Value(m.MountPath), u.path)
		}
	}
	if !u.wrap || t.list != "containers" || (!u.made && spoolMount(t, u.path) == nil) {
		return nil
	}
	return p.wrap(t)
}

// uploadVolumes are the emptyDirs that the uploader needs and the pod lacks.
func (p *plan) uploadVolumes() []corev1.Volume {
	var volumes []corev1.Volume
	if p.upload.made && !p.hasPodVolume(SpoolVolumeName) {
		volumes = append(volumes, corev1.Volume{Name: SpoolVolumeName, VolumeSource: corev1.VolumeSource{
			EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: p.upload.spec.SizeLimit},
		}})
	}
	if !p.hasPodVolume(UploaderVolumeName) {
		volumes = append(volumes, corev1.Volume{Name: UploaderVolumeName, VolumeSource: corev1.VolumeSource{
			EmptyDir: &corev1.EmptyDirVolumeSource{},
		}})
	}
	return volumes
}

func (p *plan) hasPodVolume(name string) bool {
	for i := range p.pod.Spec.Volumes {
		if p.pod.Spec.Volumes[i].Name == name {
			return true
		}
	}
	return false
}

// program is the uploader's, in the volume that the sidecar puts it into.
const program = uploader.DefaultDirectory + "/uploader"

// wrap lets the container's command run under the uploader, which ends only when all is uploaded.
func (p *plan) wrap(t *target) error {
	t.wrapped = true
	if wrapper(t.Command) >= 0 { // A former pass did, and another webhook may have wrapped it since.
		return p.mount(t, UploaderVolumeName, uploader.DefaultDirectory)
	}
	if len(t.Command) == 0 {
		return Deny(ReasonNotSupported, fmt.Sprintf(
			"%s: completion Wrap runs the command of container %q, and it has none of its own (Lighterman does not read images): write spec.%s[%d].command, list the container in %s, or use completion Drain",
			p.upload.field, t.Name, t.list, t.index, AnnotationSkipContainers))
	}
	t.command = append([]string{
		program, "exec", "--container=" + t.Name, fmt.Sprintf("--timeout=%ds", p.drainTimeout()), "--",
	}, t.Command...)
	p.warn("completion Wrap: the command of container %q is run by %s exec", t.Name, program)
	return p.mount(t, UploaderVolumeName, uploader.DefaultDirectory)
}
