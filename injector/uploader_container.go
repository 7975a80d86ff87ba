package injector

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/uploader"
)

// metricsPortName is how a PodMonitor finds the sidecar's metrics.
const metricsPortName = "upload-metrics"

// graceSeconds is what Kubernetes gives a pod that does not say.
const graceSeconds = 30

// uploadContainers are the init container that tries the store, and behind it the sidecar. Both fulfil the restricted pod
// security standard.
func (p *plan) uploadContainers() []corev1.Container {
	always := corev1.ContainerRestartPolicyAlways
	preflight, sidecar := p.uploadContainer(), p.uploadContainer()
	preflight.Name, preflight.Args = PreflightContainerName, []string{"preflight"}
	sidecar.Name, sidecar.Args = UploaderContainerName, []string{"run"}
	sidecar.RestartPolicy = &always
	if port := p.upload.spec.MetricsPort; port != nil {
		sidecar.Args = append(sidecar.Args, "--metrics-address=:"+strconv.Itoa(int(*port)))
		sidecar.Ports = []corev1.ContainerPort{{Name: metricsPortName, ContainerPort: *port, Protocol: corev1.ProtocolTCP}}
	}
	sidecar.StartupProbe = &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"/uploader", "probe"}}},
		PeriodSeconds: 1, TimeoutSeconds: 5, FailureThreshold: 120,
	}
	return []corev1.Container{preflight, sidecar}
}

func (p *plan) uploadContainer() corev1.Container {
	u := p.upload
	c := corev1.Container{
		Image: p.settings.UploaderImage,
		Env:   p.uploadEnv(),
		VolumeMounts: []corev1.VolumeMount{
			{Name: UploaderVolumeName, MountPath: uploader.DefaultDirectory},
			u.mount,
		},
		Resources: p.uploadResources(),
	}
	if p.needed() {
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: VolumeName, MountPath: MountPath, ReadOnly: true})
	}
	if p.appendCA {
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: BundleVolumeName, MountPath: BundleMountPath, ReadOnly: true})
	}
	c.SecurityContext = p.uploadSecurity()
	return c
}

// uploadSecurity is the profile's security context; what that leaves out is as the restricted standard wants it, with the
// user of the spool.
func (p *plan) uploadSecurity() *corev1.SecurityContext {
	yes, no := true, false
	sc := &corev1.SecurityContext{}
	if own := p.upload.spec.SecurityContext; own != nil {
		sc = own.DeepCopy()
	}
	fill(&sc.RunAsUser, p.upload.user)
	fill(&sc.RunAsNonRoot, p.nonRootAs(p.upload.user, &yes))
	fill(&sc.ReadOnlyRootFilesystem, &yes)
	fill(&sc.SeccompProfile, &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault})
	fill(&sc.Capabilities, &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}})
	fill(&sc.AllowPrivilegeEscalation, &no)
	return sc
}

func fill[T any](field **T, value *T) {
	if *field == nil {
		*field = value
	}
}

// uploadEnv is the sidecar's environment: its configuration, who the pod is, the name of the storage account where a Secret
// has it, and the proxies. Secrets are in files: see projectKeys.
func (p *plan) uploadEnv() []corev1.EnvVar {
	env := []corev1.EnvVar{
		{Name: uploader.EnvConfig, Value: p.upload.config},
		podField(uploader.EnvPodNamespace, "metadata.namespace"),
		podField(uploader.EnvPodName, "metadata.name"),
		podField(uploader.EnvPodUID, "metadata.uid"),
	}
	if account, injected := p.index["AZURE_STORAGE_ACCOUNT"]; injected && p.Vars[account].ValueFrom != nil {
		env = append(env, p.Vars[account].EnvVar)
	}
	return append(env, p.upload.proxy...)
}

func podField(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{
		APIVersion: "v1", FieldPath: path,
	}}}
}

// uploadResources are the profile's, else modest ones, with requests as large as the limits: see ownResources.
func (p *plan) uploadResources() corev1.ResourceRequirements {
	if p.upload.spec.Resources != nil {
		return *p.upload.spec.Resources
	}
	return p.ownResources("250m", "128Mi")
}

// maxUsers is how many users a message names; one user is all that the sidecar can be.
const maxUsers = 8

// spoolUser is the user that the containers with the spool run as, as far as the pod says: the sidecar must read what they
// write. A profile may know better. Nil is the pod's own user or, where it names none, that of the uploader's image.
func (p *plan) spoolUser(found []target) *int64 {
	if own := p.upload.spec.SecurityContext; own != nil && own.RunAsUser != nil {
		return own.RunAsUser
	}
	var pods *int64
	if p.pod.Spec.SecurityContext != nil {
		pods = p.pod.Spec.SecurityContext.RunAsUser
	}
	var users []int64
	for i := range found {
		t := &found[i]
		if t.list != "containers" || !p.hasSpool(t) {
			continue
		}
		user := pods
		if t.SecurityContext != nil && t.SecurityContext.RunAsUser != nil {
			user = t.SecurityContext.RunAsUser
		}
		if user != nil && len(users) < maxUsers && !slices.Contains(users, *user) {
			users = append(users, *user)
		}
	}
	switch {
	case len(users) > 1:
		p.warn("the containers with the spool %s run as users %v, and the uploader can be but one: let the group read the files and set fsGroup, or list containers that write none in annotation %s",
			p.upload.path, users, AnnotationSkipContainers)
		return nil
	case len(users) == 0 || (pods != nil && *pods == users[0]):
		return nil
	}
	return &users[0]
}

// hasSpool reports whether the container mounts the spool's volume, or will.
func (p *plan) hasSpool(t *target) bool {
	return p.upload.made || slices.ContainsFunc(t.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == p.upload.mount.Name })
}

// sidecarIndex is where in the init containers the sidecar goes: behind the last native sidecar, so that a mesh outlives
// it, else first.
func (p *plan) sidecarIndex() int {
	for i, c := range slices.Backward(p.pod.Spec.InitContainers) {
		if c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			return i + 1
		}
	}
	return 0
}

// grace is the pod's terminationGracePeriodSeconds with time to drain: the containers may take all of their own.
func (p *plan) grace() int64 {
	own := int64(graceSeconds)
	if p.pod.Spec.TerminationGracePeriodSeconds != nil {
		own = *p.pod.Spec.TerminationGracePeriodSeconds
	}
	return own + p.drainTimeout()
}

// addsUploader reports whether this pass adds the uploader.
func (p *plan) addsUploader() bool { return p.upload != nil && !p.upload.there }
