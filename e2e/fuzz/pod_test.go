package fuzz

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/fakewebhooks"
)

// pod makes a pod of what the rules look at. Most are valid.
func (s *source) pod() *corev1.Pod {
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name: pick(s, "", "backup"), GenerateName: "backup-", Namespace: pick(s, "", namespace),
			Labels: pick(s, nil, map[string]string{"app": "pg"}), OwnerReferences: s.owner(),
		},
	}
	spec := &pod.Spec
	spec.Volumes = s.volumes()
	for i := range s.below(5) {
		c := s.container(i, spec.Volumes)
		c.RestartPolicy = maybe(s, 30, corev1.ContainerRestartPolicyAlways)
		spec.InitContainers = append(spec.InitContainers, c)
	}
	for i := range rarely(s, pick(s, 1, 2, 3, 4), 0) {
		spec.Containers = append(spec.Containers, s.container(4+i, spec.Volumes))
	}
	s.platform(pod)
	spec.ServiceAccountName = pick(s, "", "", "backup", "default")
	spec.RestartPolicy = pick(s, "", corev1.RestartPolicyNever, corev1.RestartPolicyAlways)
	if s.chance(15) {
		spec.Resources = s.resources()
	}
	pod.Annotations = s.annotations(pod)
	return pod
}

// owner returns what has made the pod; nil: nothing has.
func (s *source) owner() []metav1.OwnerReference {
	owner := metav1.OwnerReference{UID: "6e0c7a52-35a2-4b3e-a0ba-8a5d8e2d5a11", Controller: maybe(s, 90, true)}
	kind := good(s, [][3]string{
		{"batch/v1", "Job", "nightly-29384760"},
		{"apps/v1", "StatefulSet", "orders.db"},
		{"argoproj.io/v1alpha1", "Workflow", "run-x7k2p"},
		{"v1", "Pod", "../../x"},
		{},
	})
	owner.APIVersion, owner.Kind, owner.Name = kind[0], kind[1], kind[2]
	if s.chance(10) {
		return nil
	}
	return []metav1.OwnerReference{owner}
}

// others has the webhooks of cloud providers come to some pods.
func (s *source) others(pod *corev1.Pod) {
	if s.chance(10) {
		fakewebhooks.EKS{
			RoleARN: good(s, roles), PodIdentity: s.chance(30), Region: pick(s, "", "eu-west-1", "us-east-1"), AgentSeconds: 79200,
		}.Mutate(pod)
	}
	if s.chance(10) {
		pod.Labels = map[string]string{fakewebhooks.AzureLabel: "true"}
		azure := fakewebhooks.Azure{ClientID: pick(s, "", uuids[0], uuids[1]), TenantID: uuids[1]}
		if s.chance(30) {
			azure.TokenProxy, azure.SNIName, azure.CAConfigMap = "https://kubernetes.default.svc", "a0123.ests.aks", "kube-root-ca.crt"
			pod.Annotations = map[string]string{fakewebhooks.AzureBinding: "true"}
		}
		azure.Mutate(pod)
	}
}

// platform says what the pod runs on, and as whom.
func (s *source) platform(pod *corev1.Pod) {
	spec := &pod.Spec
	if s.chance(10) {
		spec.OS = &corev1.PodOS{Name: pick(s, corev1.Windows, corev1.Linux)}
	}
	if s.chance(10) {
		spec.NodeSelector = map[string]string{corev1.LabelOSStable: pick(s, "windows", "linux")}
	}
	if s.chance(4) { // Each container a process of its Windows host.
		spec.HostNetwork = true
		for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
			for i := range list {
				list[i].SecurityContext = &corev1.SecurityContext{
					WindowsOptions: &corev1.WindowsSecurityContextOptions{HostProcess: new(true)},
				}
			}
		}
		return
	}
	if !s.chance(40) {
		return
	}
	context := &corev1.PodSecurityContext{
		RunAsUser: maybe(s, 40, pick[int64](s, 0, 999, 65532)), RunAsNonRoot: maybe(s, 30, s.chance(80)),
		FSGroup: maybe(s, 20, int64(999)),
	}
	if s.chance(10) {
		context.WindowsOptions = &corev1.WindowsSecurityContextOptions{HostProcess: maybe(s, 50, s.chance(70))}
		spec.HostNetwork = s.chance(80) // Host processes must be on the host's network.
	}
	if s.chance(20) {
		context.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
	}
	spec.SecurityContext = context
}

func (s *source) volumes() []corev1.Volume {
	var volumes []corev1.Volume
	for _, name := range append([]string{"data", "config", "block"}, some(s, 4, injector.VolumeName, injector.BundleVolumeName)...) {
		v := corev1.Volume{Name: name}
		switch {
		case name == "block":
			v.PersistentVolumeClaim = &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "block"}
		case name == "config":
			v.Projected = &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{
				ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "config"}},
			}}}
		case s.chance(80):
			v.EmptyDir = &corev1.EmptyDirVolumeSource{}
		default:
			v.Projected = &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{
				ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token"},
			}}}
		}
		if name != "data" || s.chance(80) {
			volumes = append(volumes, v)
		}
	}
	return volumes[:s.below(len(volumes)+1)]
}

// container makes the container with the given number.
func (s *source) container(number int, volumes []corev1.Volume) corev1.Container {
	c := corev1.Container{Name: fmt.Sprintf("c%d", number), Image: "postgres:17", Env: s.env(), EnvFrom: nil}
	if s.chance(2) {
		c.Name = pick(s, injector.BundleContainerName, injector.BundleContainerName, injector.VolumeName, "c0", "")
	}
	if s.chance(15) {
		c.EnvFrom = []corev1.EnvFromSource{s.identityFrom(0)}
	}
	if s.chance(15) {
		c.Env = append(c.Env, s.identityEnv(pick(s, "s3", "azure", "gcs"))...)
	}
	taken := map[string]bool{}
	for _, v := range volumes {
		path := s.path(v.Name)
		if !s.chance(50) || taken[path] {
			continue
		}
		taken[path] = true
		if v.PersistentVolumeClaim != nil && s.chance(70) {
			c.VolumeDevices = append(c.VolumeDevices, corev1.VolumeDevice{Name: v.Name, DevicePath: path})
			continue
		}
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{
			Name: v.Name, MountPath: path, SubPath: pick(s, "", "", "", "sub"), ReadOnly: s.chance(30),
		})
	}
	if s.chance(25) {
		c.SecurityContext = &corev1.SecurityContext{
			RunAsUser: maybe(s, 50, pick[int64](s, 0, 999, 999)), RunAsNonRoot: maybe(s, 30, true),
			Privileged: maybe(s, 10, true),
		}
		if s.chance(3) {
			c.SecurityContext.WindowsOptions = &corev1.WindowsSecurityContextOptions{HostProcess: maybe(s, 70, true)}
		}
	}
	if s.chance(20) {
		c.Resources = *s.resources()
	}
	return c
}

// path is where a volume is mounted: often at, above, below or beside one of our paths.
func (s *source) path(volume string) string {
	switch volume {
	case injector.VolumeName:
		return injector.MountPath
	case injector.BundleVolumeName:
		return injector.BundleMountPath
	}
	if near := map[bool]int{true: 40, false: 12}[volume == "block"]; !s.chance(near) {
		return "/mnt/" + volume
	}
	ours := pick(s, injector.MountPath, injector.BundleMountPath)
	windows := strings.ReplaceAll(ours, "/", `\`)
	return pick(s, ours, ours+"/", ours+"/token", ours+"x", ours+"/.", ours+"//ca.crt", "/var/run/secrets", "/var/run", "/",
		"/var/run/lighterman.dev", "/var/run/secrets/eks.amazonaws.com/serviceaccount", `C:`+windows, `c:`+windows+`\token`,
		windows, strings.TrimPrefix(ours, "/"), "/VAR"+ours[4:])
}

// resources are mostly such that the requests keep to the limits.
func (s *source) resources() *corev1.ResourceRequirements {
	amounts := func(cpu, memory string) corev1.ResourceList {
		list := corev1.ResourceList{}
		for _, name := range some(s, 70, corev1.ResourceCPU, corev1.ResourceMemory) {
			list[name] = resource.MustParse(map[corev1.ResourceName]string{corev1.ResourceCPU: cpu, corev1.ResourceMemory: memory}[name])
		}
		return list
	}
	limits := amounts(pick(s, "4", "500m", "50m"), pick(s, "4Gi", "64Mi", "16Mi"))
	if s.chance(30) {
		return &corev1.ResourceRequirements{Requests: limits, Limits: limits}
	}
	return &corev1.ResourceRequirements{Requests: amounts(pick(s, "5m", "50m"), pick(s, "1Mi", "16Mi")), Limits: limits}
}

func (s *source) env() []corev1.EnvVar {
	var env []corev1.EnvVar
	for range pick(s, 0, 0, 0, 1, 1, 2, 3, 8) {
		name := pick(s, environment...)
		e := corev1.EnvVar{Name: rarely(s, name, name, name, name, "")}
		switch s.below(8) {
		case 0:
			e.ValueFrom = &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
				LocalObjectReference: corev1.LocalObjectReference{Name: good(s, secretNames)}, Key: good(s, secretKeys), Optional: maybe(s, 40, s.chance(80)),
			}}
		case 1:
			e.ValueFrom = &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}
		case 2:
			e.ValueFrom = &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
				LocalObjectReference: corev1.LocalObjectReference{Name: "config"}, Key: "key", Optional: maybe(s, 40, s.chance(80)),
			}}
		default:
			// Values that profiles inject too, so that some are the same.
			e.Value = pick(s, "", "own", "true", "regional", "s3", "eu-west-1", "when_required", roles[0], endpoints[0],
				injector.MountPath+"/token", uuids[0], uuids[1], "prod", "https://login.microsoftonline.com/", "$(AWS_REGION)", "$(LIGHTERMAN_BUCKET)")
		}
		env = append(env, e)
	}
	return env
}

// annotations ask for a profile, and more; names of containers are mostly those of the pod.
func (s *source) annotations(pod *corev1.Pod) map[string]string {
	if s.chance(5) {
		return pick(s, nil, map[string]string{})
	}
	set := map[string]string{injector.AnnotationProfile: "pg"}
	names := []string{"c4"}
	for _, c := range append(append([]corev1.Container{}, pod.Spec.InitContainers...), pod.Spec.Containers...) {
		names = append(names, c.Name)
	}
	maySet := func(percent int, key string, values ...string) {
		if s.chance(percent) {
			set[key] = pick(s, values...)
		}
	}
	maySet(15, injector.AnnotationContainers, strings.Join(some(s, 60, names...), ","), strings.Join(some(s, 60, names...), " , ")+",", names[0], "c9", "")
	maySet(15, injector.AnnotationSkipContainers, strings.Join(some(s, 20, names...), ","), names[len(names)-1], "c9", ",")
	maySet(8, injector.AnnotationTools, "", "sdk", " sdk, ", "barman", "sdk,nonsense")
	maySet(10, injector.AnnotationWorkload, "orders", "Orders.db_1", rarely(s, "orders", "a/b", ""))
	maySet(5, injector.AnnotationInject, "true", "false", "")
	maySet(10, injector.AnnotationUpload, append([]string{"false"}, spools...)...)
	maySet(5, injector.AnnotationCompletion, "Drain", "Wrap", "")
	maySet(8, injector.AnnotationInjected, "", "{}", "nonsense", `{"profile":"payments/pg","kind":"CredentialProfile","version":"v0"}`)
	maySet(3, injector.AnnotationClusterProfile, "pg", "")
	maySet(5, "example.com/a.b", "text")
	maySet(5, "container.seccomp.security.alpha.kubernetes.io/c4", "runtime/default")
	return set
}
