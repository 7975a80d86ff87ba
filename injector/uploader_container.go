package injector

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/uploader"
)

// metricsPortName is how a PodMonitor finds the sidecar's metrics.
const metricsPortName = "upload-metrics"

// uploaderBuilder builds what the uploader adds to a pod.
type uploaderBuilder struct {
	*uploadPlan
	desired *desired
	pod     *Pod
	image   string
}

// buildContainers returns the init container that tries the store, and behind it the sidecar. Both fulfil the
// restricted pod security standard.
func (b *uploaderBuilder) buildContainers() []corev1.Container {
	always := corev1.ContainerRestartPolicyAlways
	preflight, sidecar := b.buildContainer(), b.buildContainer()
	preflight.Name, preflight.Args = PreflightContainerName, []string{"preflight"}
	sidecar.Name, sidecar.Args = UploaderContainerName, []string{"run"}
	sidecar.RestartPolicy = &always
	if port := b.spec.MetricsPort; port != nil {
		sidecar.Args = append(sidecar.Args, "--metrics-address=:"+strconv.Itoa(int(*port)))
		sidecar.Ports = []corev1.ContainerPort{{Name: metricsPortName, ContainerPort: *port, Protocol: corev1.ProtocolTCP}}
	}
	sidecar.StartupProbe = &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"/uploader", "probe"}}},
		PeriodSeconds: 1, TimeoutSeconds: 5, FailureThreshold: 120,
	}
	return []corev1.Container{preflight, sidecar}
}

// buildContainer returns what the uploader's containers have in common.
func (b *uploaderBuilder) buildContainer() corev1.Container {
	c := corev1.Container{
		Image: b.image,
		Env:   b.buildEnv(),
		VolumeMounts: []corev1.VolumeMount{
			{Name: UploaderVolumeName, MountPath: uploader.DefaultDirectory},
			b.mount,
		},
		Resources: b.chooseResources(),
	}
	if b.desired.needsVolume() {
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: VolumeName, MountPath: MountPath, ReadOnly: true})
	}
	if b.desired.appendsCA() {
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{
			Name: BundleVolumeName, MountPath: BundleMountPath, ReadOnly: true,
		})
	}
	c.SecurityContext = b.buildSecurityContext()
	return c
}

// buildSecurityContext returns the profile's security context; what that leaves out is as the restricted standard wants
// it, with the user of the spool.
func (b *uploaderBuilder) buildSecurityContext() *corev1.SecurityContext {
	yes, no := true, false
	sc := &corev1.SecurityContext{}
	if own := b.spec.SecurityContext; own != nil {
		sc = own.DeepCopy()
	}
	setDefault(&sc.RunAsUser, b.user)
	setDefault(&sc.RunAsNonRoot, nonRootAs(b.pod, b.user, &yes))
	setDefault(&sc.ReadOnlyRootFilesystem, &yes)
	setDefault(&sc.SeccompProfile, &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault})
	setDefault(&sc.Capabilities, &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}})
	setDefault(&sc.AllowPrivilegeEscalation, &no)
	return sc
}

// setDefault sets a field that has no value.
func setDefault[T any](field **T, value *T) {
	if *field == nil {
		*field = value
	}
}

// buildEnv returns the sidecar's environment: its configuration, who the pod is, the names of the storage account and the bucket
// where the kubelet reads them, and the proxies. Secrets are in files: see keySources.
func (b *uploaderBuilder) buildEnv() []corev1.EnvVar {
	env := []corev1.EnvVar{
		{Name: uploader.EnvConfig, Value: b.config},
		podField(uploader.EnvPodNamespace, "metadata.namespace"),
		podField(uploader.EnvPodName, "metadata.name"),
		podField(uploader.EnvPodUID, "metadata.uid"),
	}
	for _, name := range []string{"AZURE_STORAGE_ACCOUNT", uploader.EnvBucket} {
		if at, injected := b.desired.byName[name]; injected && b.desired.Vars[at].ValueFrom != nil {
			env = append(env, b.desired.Vars[at].EnvVar)
		}
	}
	return append(env, b.proxyEnv...)
}

func podField(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{
		APIVersion: "v1", FieldPath: path,
	}}}
}

// chooseResources returns the profile's, else modest ones, with requests as large as the limits: see ownResources.
func (b *uploaderBuilder) chooseResources() corev1.ResourceRequirements {
	if b.spec.Resources != nil {
		return *b.spec.Resources
	}
	return ownResources(b.pod, "250m", "128Mi")
}

// buildVolumes returns the emptyDirs that the uploader needs and the pod lacks.
func (b *uploaderBuilder) buildVolumes() []corev1.Volume {
	var volumes []corev1.Volume
	if b.ownsVolume && !hasVolume(b.pod, SpoolVolumeName) {
		volumes = append(volumes, corev1.Volume{Name: SpoolVolumeName, VolumeSource: corev1.VolumeSource{
			EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: b.spec.SizeLimit},
		}})
	}
	if !hasVolume(b.pod, UploaderVolumeName) {
		volumes = append(volumes, corev1.Volume{Name: UploaderVolumeName, VolumeSource: corev1.VolumeSource{
			EmptyDir: &corev1.EmptyDirVolumeSource{},
		}})
	}
	return volumes
}

// sidecarIndex returns where in the init containers the sidecar goes: behind the last native sidecar, so that a mesh
// outlives it, else first.
func sidecarIndex(pod *Pod) int {
	for i, c := range slices.Backward(pod.Spec.InitContainers) {
		if c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			return i + 1
		}
	}
	return 0
}
