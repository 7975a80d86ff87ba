package inpod

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/uploader"
)

// containerName is the name of the container in which the doctor runs.
const containerName = "doctor"

// unknownImage is the placeholder for the image in the dry run, whose result has the real one.
const unknownImage = "lighterman-doctor"

// spool is a directory that the doctor does not use: the webhook requires one.
const spool = "/spool"

// dryRunPod returns the pod whose dry run shows what the webhook adds for a profile.
func dryRunPod(o *Options) *corev1.Pod {
	yes, no := true, false
	pod := newPod(o, corev1.Container{
		Name: containerName, Image: cmp.Or(o.Image, unknownImage), Command: []string{"/uploader", "doctor"},
		SecurityContext: &corev1.SecurityContext{ // A namespace of the restricted standard must admit the dry run, too.
			RunAsNonRoot:             &yes,
			AllowPrivilegeEscalation: &no,
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
	})
	pod.Annotations[injector.AnnotationUpload] = spool
	pod.Annotations[injector.AnnotationCompletion] = string(uploader.Drain)
	return pod
}

// doctorPod returns the pod in which the doctor runs, with the image and settings of the sidecar that the dry run has.
func doctorPod(o *Options, dryRun *corev1.Pod) (*corev1.Pod, error) {
	at := slices.IndexFunc(dryRun.Spec.InitContainers,
		func(c corev1.Container) bool { return c.Name == injector.UploaderContainerName })
	if at < 0 {
		return nil, fmt.Errorf("the webhook did not add the container %s: it is of a version that has no uploader, or "+
			"another webhook removed it",
			injector.UploaderContainerName)
	}
	sidecar := &dryRun.Spec.InitContainers[at]
	c := corev1.Container{
		Name: containerName, Image: cmp.Or(o.Image, sidecar.Image), ImagePullPolicy: sidecar.ImagePullPolicy,
		Command: []string{"/uploader", "doctor"}, SecurityContext: sidecar.SecurityContext, Resources: sidecar.Resources,
	}
	for _, env := range sidecar.Env {
		// The webhook injects the secrets, as it does for a backup.
		if slices.Contains(
			[]string{uploader.EnvConfig, uploader.EnvPodNamespace, uploader.EnvPodName, uploader.EnvPodUID}, env.Name,
		) {
			c.Env = append(c.Env, env)
		}
	}
	for i := range c.Env {
		if c.Env[i].Name != uploader.EnvConfig {
			continue
		}
		var err error
		if c.Env[i].Value, err = readSecretsFromVariables(c.Env[i].Value); err != nil {
			return nil, err
		}
	}
	pod := newPod(o, c)
	pod.Annotations[injector.AnnotationUpload] = "false"
	return pod, nil
}

// workloadOf returns what {workload} stands for in the profile's prefix.
func workloadOf(o *Options) string { return cmp.Or(o.Workload, DefaultWorkload) }

func newPod(o *Options, c corev1.Container) *corev1.Pod {
	labels := map[string]string{"app.kubernetes.io/name": "lighterman-doctor"}
	maps.Copy(labels, o.Labels)
	// The pod has neither an owner nor a name of its own by which it could be a workload.
	annotations := map[string]string{injector.AnnotationWorkload: workloadOf(o)}
	profiles := map[string]string{
		injector.AnnotationProfile: o.Profile, injector.AnnotationClusterProfile: o.ClusterProfile,
	}
	for name, value := range profiles {
		if value != "" {
			annotations[name] = value
		}
	}
	seconds, grace := int64(o.Timeout.Seconds())+1, int64(1)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: "lighterman-doctor-", Namespace: o.Namespace, Labels: labels, Annotations: annotations,
		},
		Spec: corev1.PodSpec{
			ServiceAccountName: o.ServiceAccount, RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{c},
			TerminationGracePeriodSeconds: &grace,
			// The kubelet ends the pod even if this program is killed.
			ActiveDeadlineSeconds: &seconds,
		},
	}
}
