package injector

import (
	"fmt"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"lighterman.dev/lighterman/uploader"
)

// ownVolumes are the names of the volumes that Lighterman adds, and where containers mount them. The spool's place is the
// pod's.
var ownVolumes = map[string]string{
	VolumeName:         MountPath,
	BundleVolumeName:   BundleMountPath,
	UploaderVolumeName: uploader.DefaultDirectory,
	SpoolVolumeName:    "",
}

// fileMode lets every user of the container read the files: tools run as the user of their image. The kubelet narrows
// a token to its reader where the pod has an fsGroup or one user (KEP-1205).
const fileMode int32 = 0o444

// credentialVolume returns the projected volume with the credential files.
func credentialVolume(d *desired) corev1.Volume {
	mode := fileMode
	return corev1.Volume{Name: VolumeName, VolumeSource: corev1.VolumeSource{
		Projected: &corev1.ProjectedVolumeSource{Sources: d.sources, DefaultMode: &mode},
	}}
}

// checkVolumes denies the pod when the name of one of Lighterman's volumes belongs to another.
func checkVolumes(pod *Pod, d *desired) error {
	for i := range pod.Spec.Volumes {
		switch v := &pod.Spec.Volumes[i]; v.Name {
		case VolumeName:
			if !d.needsVolume() || !reflect.DeepEqual(v.Projected, credentialVolume(d).Projected) {
				return denyForeignVolume(i, v.Name)
			}
		case BundleVolumeName:
			if !d.appendsCA() || v.EmptyDir == nil {
				return denyForeignVolume(i, v.Name)
			}
		}
	}
	return nil
}

// hasVolume reports whether the pod has a volume of the name.
func hasVolume(pod *Pod, name string) bool {
	for i := range pod.Spec.Volumes {
		if pod.Spec.Volumes[i].Name == name {
			return true
		}
	}
	return false
}

func denyForeignVolume(index int, name string) error {
	return Deny(ReasonCollision, fmt.Sprintf(
		"spec.volumes[%d].name: a volume %s is there that is not the one of this profile: rename or remove it (and its mounts), for Lighterman adds its own",
		index, name))
}

// checkBundle denies the pods in which no init container can join the CA bundles, and those in which another container
// has its name: that one would go without credentials.
func checkBundle(pod *Pod, d *desired, image string) error {
	alreadyInjected := d.appendsCA() && hasVolume(pod, BundleVolumeName)
	switch spec := &pod.Spec; {
	case hasContainer(spec.Containers, BundleContainerName):
		return denyNameTaken("containers", BundleContainerName)
	case !alreadyInjected && hasContainer(spec.InitContainers, BundleContainerName):
		return denyNameTaken("initContainers", BundleContainerName)
	case !d.appendsCA():
		return nil
	case pod.Windows():
		return Deny(ReasonNotSupported, fmt.Sprintf(
			"%s %s: spec.caBundle.mode: Append needs a Linux container, and this is a Windows pod: use Replace with a bundle that holds the public roots too",
			d.profile.Kind, d.profile))
	case image == "":
		return Deny(ReasonInvalidProfile, fmt.Sprintf(
			"%s %s: spec.caBundle.mode: Append adds an init container, and Lighterman was not told its image: set --image",
			d.profile.Kind, d.profile))
	}
	return nil
}

func denyNameTaken(list, name string) error {
	return Deny(ReasonCollision, fmt.Sprintf("spec.%s: the name %s is Lighterman's: rename the container", list, name))
}

// bundleVolume returns the volume with the joined CA bundle. The public roots take about a quarter of a megabyte.
func bundleVolume() corev1.Volume {
	limit := resource.MustParse("4Mi")
	return corev1.Volume{Name: BundleVolumeName, VolumeSource: corev1.VolumeSource{
		EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &limit},
	}}
}

// bundleContainer returns the container that joins the public roots and the profile's bundle into one file, because
// most tools take a CA bundle for a replacement of the roots. It fulfils the restricted pod security standard.
func bundleContainer(pod *Pod, image string) corev1.Container {
	yes, no := true, false
	user := commonUser(pod)
	return corev1.Container{
		Name:  BundleContainerName,
		Image: image,
		Args:  []string{"ca-bundle", "--add=" + MountPath + "/" + caFile, "--out=" + BundleMountPath + "/" + caFile},
		VolumeMounts: []corev1.VolumeMount{
			{Name: VolumeName, MountPath: MountPath, ReadOnly: true},
			{Name: BundleVolumeName, MountPath: BundleMountPath},
		},
		Resources: ownResources(pod, "100m", "64Mi"),
		SecurityContext: &corev1.SecurityContext{
			RunAsUser:                user,
			RunAsNonRoot:             nonRootAs(pod, user, &yes),
			AllowPrivilegeEscalation: &no,
			ReadOnlyRootFilesystem:   &yes,
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
	}
}

// ownResources returns resources that fulfil a quota on requests and limits. The requests are as large as the limits:
// else a pod of the class Guaranteed would lose it. Where the pod as a whole has resources, the container has none:
// they could exceed the pod's.
func ownResources(pod *Pod, cpu, memory string) corev1.ResourceRequirements {
	if all := pod.Spec.Resources; all != nil && len(all.Requests)+len(all.Limits) > 0 {
		return corev1.ResourceRequirements{}
	}
	enough := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory),
	}
	return corev1.ResourceRequirements{Requests: enough, Limits: enough}
}

// commonUser returns the user that every container of the pod names; nil when they name none or several. A container with
// another user would change the modes of every projected token in the pod: the kubelet hands a token to its user with
// 0600 only where all containers have the same (KEP-1205).
func commonUser(pod *Pod) *int64 {
	var user *int64
	for _, list := range [][]Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			sc := list[i].SecurityContext
			if sc == nil || sc.RunAsUser == nil || (user != nil && *user != *sc.RunAsUser) {
				return nil
			}
			user = sc.RunAsUser
		}
	}
	return user
}

// nonRootAs returns yes unless the user, nil for the pod's own, is root: then the container would never start.
func nonRootAs(pod *Pod, user *int64, yes *bool) *bool {
	if user == nil && pod.Spec.SecurityContext != nil {
		user = pod.Spec.SecurityContext.RunAsUser
	}
	if user != nil && *user == 0 {
		return nil
	}
	return yes
}
