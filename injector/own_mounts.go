package injector

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// checkOwnMounts denies a pod that mounts one of Lighterman's volumes where this plan does not: a container that is to get
// no identity would read it there, and one that may write could replace the uploader's program.
func checkOwnMounts(pod *Pod, u *uploadPlan, targets []target) error {
	of := make(map[*Container]*target, len(targets))
	for i := range targets {
		of[targets[i].Container] = &targets[i]
	}
	for _, list := range []struct {
		name       string
		containers []Container
	}{{"initContainers", pod.Spec.InitContainers}, {"containers", pod.Spec.Containers}} {
		for i := range list.containers {
			c := &list.containers[i]
			if isOwnContainer(c.Name) {
				continue // Its name is Lighterman's: see checkBundle and checkUploaderNames.
			}
			for j := range c.VolumeMounts {
				m := &c.VolumeMounts[j]
				if _, own := ownVolumes[m.Name]; own && !expectsMount(u, of[c], m) {
					return Deny(ReasonCollision, fmt.Sprintf(
						"spec.%s[%d].volumeMounts[%d]: container %q mounts %s at %s, which is a volume of Lighterman's own: remove the mount",
						list.name, i, j, c.Name, m.Name, m.MountPath))
				}
			}
		}
	}
	return nil
}

// expectsMount reports whether a mount of one of Lighterman's volumes is as a pass of the same plan makes it. t is nil for
// a container that is not injected.
func expectsMount(u *uploadPlan, t *target, m *corev1.VolumeMount) bool {
	where := cleanPath(m.MountPath)
	whole := m.SubPath == "" && m.SubPathExpr == ""
	if m.Name == SpoolVolumeName {
		return whole && u != nil && where == u.path
	}
	if t == nil || !whole || !m.ReadOnly || where != ownVolumes[m.Name] {
		return false
	}
	if m.Name == UploaderVolumeName {
		return u != nil && u.wraps(t)
	}
	return t.recipient
}
