package injector

import (
	"fmt"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// fileMode lets every user of the container read the files: tools run as whoever their image says. The kubelet narrows
// a token to its reader where the pod has an fsGroup or one user (KEP-1205).
const fileMode int32 = 0o444

// volume is the projected volume with the credential files.
func (p *plan) volume() corev1.Volume {
	mode := fileMode
	return corev1.Volume{Name: VolumeName, VolumeSource: corev1.VolumeSource{
		Projected: &corev1.ProjectedVolumeSource{Sources: p.sources, DefaultMode: &mode},
	}}
}

// checkVolumes finds the volumes of a former pass, and denies the pod when one of their names belongs to another.
func (p *plan) checkVolumes() error {
	for i := range p.pod.Spec.Volumes {
		switch v := &p.pod.Spec.Volumes[i]; v.Name {
		case VolumeName:
			ours := p.volume()
			if !p.needed() || !reflect.DeepEqual(v.Projected, ours.Projected) {
				return foreign(i, v.Name)
			}
			p.hasVolume = true
		case BundleVolumeName:
			if !p.appendCA || v.EmptyDir == nil {
				return foreign(i, v.Name)
			}
			p.hasBundle = true
		}
	}
	return nil
}

func foreign(index int, name string) error {
	return Deny(ReasonCollision, fmt.Sprintf(
		"spec.volumes[%d].name: a volume %s is there that is not the one of this profile: rename or remove it (and its mounts), for Lighterman adds its own",
		index, name))
}

// checkBundle denies the pods in which no init container can join the CA bundles, and those in which another container
// has its name: that one would go without credentials.
func (p *plan) checkBundle() error {
	former := p.appendCA && p.hasBundle
	switch spec := &p.pod.Spec; {
	case hasContainer(spec.Containers, BundleContainerName):
		return nameTaken("containers", BundleContainerName)
	case !former && hasContainer(spec.InitContainers, BundleContainerName):
		return nameTaken("initContainers", BundleContainerName)
	case !p.appendCA:
		return nil
	case p.pod.Windows():
		return Deny(ReasonNotSupported, fmt.Sprintf(
			"%s %s: spec.caBundle.mode: Append needs a Linux container, and this is a Windows pod: use Replace with a bundle that holds the public roots too",
			p.profile.Kind, p.profile))
	case p.settings.Image == "":
		return Deny(ReasonInvalidProfile, fmt.Sprintf(
			"%s %s: spec.caBundle.mode: Append adds an init container, and Lighterman was not told its image: set --image",
			p.profile.Kind, p.profile))
	}
	return nil
}

func nameTaken(list, name string) error {
	return Deny(ReasonCollision, fmt.Sprintf("spec.%s: the name %s is Lighterman's: rename the container", list, name))
}

// bundleVolume holds the joined CA bundle. The public roots take about a quarter of a megabyte.
func bundleVolume() corev1.Volume {
	limit := resource.MustParse("4Mi")
	return corev1.Volume{Name: BundleVolumeName, VolumeSource: corev1.VolumeSource{
		EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &limit},
	}}
}

// bundleContainer joins the public roots and the profile's bundle into one file, because most tools take a CA bundle
// for a replacement of the roots. It fulfils the restricted pod security standard.
func (p *plan) bundleContainer() corev1.Container {
	yes, no := true, false
	return corev1.Container{
		Name:  BundleContainerName,
		Image: p.settings.Image,
		Args:  []string{"ca-bundle", "--add=" + MountPath + "/" + caFile, "--out=" + BundleMountPath + "/" + caFile},
		VolumeMounts: []corev1.VolumeMount{
			{Name: VolumeName, MountPath: MountPath, ReadOnly: true},
			{Name: BundleVolumeName, MountPath: BundleMountPath},
		},
		Resources: p.ownResources("100m", "64Mi"),
		SecurityContext: &corev1.SecurityContext{
			RunAsUser:                p.commonUser(),
			RunAsNonRoot:             p.nonRootAs(p.commonUser(), &yes),
			AllowPrivilegeEscalation: &no,
			ReadOnlyRootFilesystem:   &yes,
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
	}
}

// ownResources fulfil a quota on requests and limits. The requests are as large as the limits: else a pod of the class
// Guaranteed would lose it. Where the pod as a whole has resources, the container has none: they could exceed the pod's.
func (p *plan) ownResources(cpu, memory string) corev1.ResourceRequirements {
	if pod := p.pod.Spec.Resources; pod != nil && len(pod.Requests)+len(pod.Limits) > 0 {
		return corev1.ResourceRequirements{}
	}
	enough := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory),
	}
	return corev1.ResourceRequirements{Requests: enough, Limits: enough}
}

// commonUser is the user that every container of the pod names; nil when they name none or several. A container with
// another user would change the modes of every projected token in the pod: the kubelet hands a token to its user with
// 0600 only where all containers have the same (KEP-1205).
func (p *plan) commonUser() *int64 {
	var user *int64
	for _, list := range [][]Container{p.pod.Spec.InitContainers, p.pod.Spec.Containers} {
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

// nonRootAs is yes unless the user, nil for the pod's own, is root: then the container would never start.
func (p *plan) nonRootAs(user *int64, yes *bool) *bool {
	if user == nil && p.pod.Spec.SecurityContext != nil {
		user = p.pod.Spec.SecurityContext.RunAsUser
	}
	if user != nil && *user == 0 {
		return nil
	}
	return yes
}
