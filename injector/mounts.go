package injector

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/internal/message"
)

// addMount returns the mounts with one of Lighterman's volumes, unless the container has that already. It denies the pod
// where the container has something else there.
func (t *target) addMount(mounts []corev1.VolumeMount, volume, at string) ([]corev1.VolumeMount, error) {
	for i := range t.VolumeMounts {
		m := &t.VolumeMounts[i]
		switch where := cleanPath(m.MountPath); {
		case where == at && m.Name == volume && m.SubPath == "" && m.SubPathExpr == "":
			return mounts, nil
		case isWithin(where, at):
			return nil, t.denyMountTaken(fmt.Sprintf("volumeMounts[%d].mountPath", i), m.MountPath)
		}
	}
	for i := range t.VolumeDevices {
		if where := t.VolumeDevices[i].DevicePath; isWithin(cleanPath(where), at) {
			return nil, t.denyMountTaken(fmt.Sprintf("volumeDevices[%d].devicePath", i), where)
		}
	}
	return append(mounts, corev1.VolumeMount{Name: volume, MountPath: at, ReadOnly: true}), nil
}

func (t *target) denyMountTaken(field, path string) error {
	return Deny(ReasonCollision, fmt.Sprintf(
		"%s.%s: %s of container %q is where Lighterman mounts its files: mount it elsewhere, or list the container in %s",
		t.fieldPath(), field, message.Value(path), t.Name, AnnotationSkipContainers))
}
