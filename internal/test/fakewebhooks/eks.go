package fakewebhooks

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// EKS is github.com/aws/amazon-eks-pod-identity-webhook 3bf80a34 of 2026-08-11, whose rules are those of v0.6.17
// (pkg/handler/handler.go: addEnvToContainer, getPodSpecPatch, buildPodPatchConfig, addJitterToDefaultToken). It is asked
// once about each pod (no reinvocationPolicy in its configuration); asked again, it leaves the volume as it is. It writes both
// lists of containers anew, without the fields that its Kubernetes library (1.36) does not know.
type EKS struct {
	// RoleARN is the annotation eks.amazonaws.com/role-arn of the pod's service account; empty: it has none.
	RoleARN string
	// PodIdentity is true where the service account has a Pod Identity association. It goes before RoleARN.
	PodIdentity bool
	// Region is the cluster's; empty: the webhook sets none.
	Region string
	// AgentSeconds is how long the token for Pod Identity is valid; zero: it is drawn at random for each review.
	AgentSeconds int64
}

var _ listWriter = EKS{}

const (
	// EKSAgentLabel is the label of the pods to which EKS gives Pod Identity, since v0.6.15. Its value is "enabled", whatever it was.
	EKSAgentLabel = "eks.amazonaws.com/pod-identity"
	// EKSSkipLabel keeps a pod from EKS, whatever its value (deploy/mutatingwebhook.yaml, objectSelector).
	EKSSkipLabel = "eks.amazonaws.com/skip-pod-identity-webhook"

	// eksTokenSeconds is how long its tokens are valid; those for Pod Identity at least eksAgentTokenSeconds, drawn at random
	// (pkg/constants.go).
	eksTokenSeconds, eksAgentTokenSeconds = 86400, 79200
)

// eksMode is what the webhook adds for one of its two identities.
type eksMode struct {
	env                     []corev1.EnvVar
	volume, mount, audience string
	token                   string
	// seconds is how long the token is valid.
	seconds int64
	// label is one that the pod gets; empty: none.
	label string
}

func (w EKS) mode() *eksMode {
	switch {
	case w.PodIdentity:
		return &eksMode{
			env: []corev1.EnvVar{
				{Name: "AWS_CONTAINER_CREDENTIALS_FULL_URI", Value: "http://169.254.170.23/v1/credentials"},
				{Name: "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", Value: "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token"},
			},
			volume: "eks-pod-identity-token", mount: "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount",
			audience: "pods.eks.amazonaws.com", token: "eks-pod-identity-token",
			seconds: cmp.Or(w.AgentSeconds, eksAgentTokenSeconds+rand.Int64N(eksTokenSeconds-eksAgentTokenSeconds+1)),
			label:   EKSAgentLabel,
		}
	case w.RoleARN != "":
		return &eksMode{
			env: []corev1.EnvVar{
				{Name: "AWS_ROLE_ARN", Value: w.RoleARN},
				{Name: "AWS_WEB_IDENTITY_TOKEN_FILE", Value: "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"},
			},
			volume: "aws-iam-token", mount: "/var/run/secrets/eks.amazonaws.com/serviceaccount",
			audience: "sts.amazonaws.com", token: "token", seconds: eksTokenSeconds,
		}
	}
	return nil
}

// Mutate adds the identity to every container that its annotation does not list.
func (w EKS) Mutate(pod *corev1.Pod) {
	m := w.mode()
	if _, skipped := pod.Labels[EKSSkipLabel]; m == nil || skipped {
		return
	}
	skip := strings.Split(pod.Annotations["eks.amazonaws.com/skip-containers"], ",")
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if !slices.Contains(skip, list[i].Name) {
				w.inject(&list[i], m)
			}
		}
	}
	if !slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.volume }) {
		pod.Spec.Volumes = slices.Insert(pod.Spec.Volumes, 0, tokenVolume(m.volume, m.audience, m.token, m.seconds))
	}
	if m.label != "" {
		if pod.Labels == nil {
			pod.Labels = map[string]string{}
		}
		pod.Labels[m.label] = "enabled"
	}
}

func (EKS) writesContainers() {}

// inject adds either variable of a pair only where neither is there.
func (w EKS) inject(c *corev1.Container, m *eksMode) {
	if !has(c, "AWS_STS_REGIONAL_ENDPOINTS") {
		c.Env = append(c.Env, corev1.EnvVar{Name: "AWS_STS_REGIONAL_ENDPOINTS", Value: "regional"})
	}
	if w.Region != "" && !has(c, "AWS_REGION", "AWS_DEFAULT_REGION") {
		c.Env = append(
			c.Env, corev1.EnvVar{Name: "AWS_DEFAULT_REGION", Value: w.Region},
			corev1.EnvVar{Name: "AWS_REGION", Value: w.Region},
		)
	}
	if !has(c, m.env[0].Name, m.env[1].Name) {
		c.Env = append(c.Env, m.env...)
	}
	mountToken(c, m.volume, m.mount)
}

// has reports whether the container has one of the variables.
func has(c *corev1.Container, names ...string) bool {
	return slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return slices.Contains(names, e.Name) })
}

func mountToken(c *corev1.Container, volume, at string) {
	if !slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == volume }) {
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: volume, MountPath: at, ReadOnly: true})
	}
}

func tokenVolume(name, audience, path string, seconds int64) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
			Audience: audience, ExpirationSeconds: &seconds, Path: path,
		}}},
	}}}
}
