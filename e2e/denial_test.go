package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestDenials(t *testing.T) {
	t.Parallel()
	e := setup(t)
	namespace := e.namespace(t, injector.InjectionEnabled)
	e.someProfile(t, namespace, func(s *v1alpha1.CredentialProfileSpec) { s.AllowedServiceAccounts = []string{"backup"} })
	wrapping := &v1alpha1.CredentialProfile{
		ObjectMeta: metav1.ObjectMeta{Name: "wrapping", Namespace: namespace},
		Spec: v1alpha1.CredentialProfileSpec{
			S3: e.s3(namespace), Uploader: &v1alpha1.Uploader{Path: "/spool", Completion: "Wrap"},
		},
	}
	wrapping.Spec.S3.Auth.Ambient = &v1alpha1.Ambient{}
	e.create(t, wrapping)
	cluster := e.clusterProfile(t, &metav1.LabelSelector{MatchLabels: map[string]string{"team": "nobody"}})

	tests := map[string]struct {
		annotations []string
		change      func(*corev1.Pod)
		want        string
	}{
		"unknown profile": {
			annotations: []string{injector.AnnotationProfile, "gp"},
			want:        fmt.Sprintf("there is no CredentialProfile \"gp\" in namespace %s", namespace),
		},
		"unknown cluster profile": {
			annotations: []string{injector.AnnotationClusterProfile, "gp"},
			want:        "there is no ClusterCredentialProfile \"gp\"",
		},
		"both annotations": {
			annotations: []string{injector.AnnotationProfile, "pg", injector.AnnotationClusterProfile, "pg"},
			want:        "the pod has both annotations lighterman.dev/profile and lighterman.dev/cluster-profile: remove one",
		},
		"namespace not allowed": {
			annotations: []string{injector.AnnotationClusterProfile, cluster.Name},
			want:        "does not allow namespace " + namespace + ": label the namespace as spec.allowedNamespaces of the profile asks",
		},
		"service account not allowed": {
			annotations: []string{injector.AnnotationProfile, "pg"},
			change:      func(p *corev1.Pod) { p.Spec.ServiceAccountName = "default" },
			want:        "does not allow service account default: run the pod as one of backup",
		},
		"unknown container": {
			annotations: []string{injector.AnnotationProfile, "pg", injector.AnnotationContainers, "dmup"},
			want:        "annotation lighterman.dev/containers: the pod has no container \"dmup\"; it has dump",
		},
		"unknown container to skip": {
			annotations: []string{injector.AnnotationProfile, "pg", injector.AnnotationSkipContainers, "dmup"},
			want:        "annotation lighterman.dev/skip-containers: the pod has no container \"dmup\"",
		},
		"volume name taken": {
			annotations: []string{injector.AnnotationProfile, "pg"},
			change: func(p *corev1.Pod) {
				p.Spec.Volumes = []corev1.Volume{{Name: injector.VolumeName, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
			},
			want: "spec.volumes[0].name: a volume lighterman-credentials is there that is not the one of this profile",
		},
		"mount path taken": {
			annotations: []string{injector.AnnotationProfile, "pg"},
			change: func(p *corev1.Pod) {
				p.Spec.Volumes = []corev1.Volume{{Name: "mine", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
				p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "mine", MountPath: injector.MountPath + "/x"}}
			},
			want: "spec.containers[0].volumeMounts[0].mountPath: " + injector.MountPath + "/x of container \"dump\" is where Lighterman mounts its files",
		},
		"unknown tool": {
			annotations: []string{injector.AnnotationProfile, "pg", injector.AnnotationTools, "pgbackup"},
			want:        "annotation lighterman.dev/tools: there is no tool \"pgbackup\"; known are sdk, barman",
		},
		"tool that cannot use the auth mode": {
			annotations: []string{injector.AnnotationProfile, "pg", injector.AnnotationTools, "xbcloud"},
			want:        "annotation lighterman.dev/tools: xbcloud cannot be used with s3.auth.webIdentity of this profile: knows access keys",
		},
		"uploader that cannot wrap": {
			annotations: []string{injector.AnnotationProfile, "wrapping"},
			want:        `completion Wrap runs the command of container "dump", and it has none of its own`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := e.gated(namespace, test.annotations...)
			if test.change != nil {
				test.change(pod)
			}
			err := e.client.Create(t.Context(), pod)
			if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "lighterman: ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want a denial with %q", err, test.want)
			}
		})
	}
}

// TestDenialIsAnEvent reads at the profile that a pod was denied: the pod itself does not exist.
func TestDenialIsAnEvent(t *testing.T) {
	t.Parallel()
	e := setup(t)
	namespace := e.namespace(t, injector.InjectionEnabled)
	e.someProfile(t, namespace)
	pod := e.gated(namespace, injector.AnnotationProfile, "pg", injector.AnnotationContainers, "none")
	if err := e.client.Create(t.Context(), pod); !apierrors.IsForbidden(err) {
		t.Fatal(err)
	}
	waitFor(t, "an event at the profile", 20*time.Second, func(ctx context.Context) (bool, string) {
		events, err := e.kube.EventsV1().Events(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err.Error()
		}
		for _, ev := range events.Items {
			if ev.Regarding.Kind == "CredentialProfile" && ev.Regarding.Name == "pg" && ev.Reason == "UnknownContainer" {
				return strings.Contains(ev.Note, "the pod has no container \"none\""), ev.Note
			}
		}
		return false, fmt.Sprintf("%d events", len(events.Items))
	})
}

// clusterProfile makes a cluster profile with web identity that the selected namespaces may use.
func (e *environment) clusterProfile(t *testing.T, allowed *metav1.LabelSelector) *v1alpha1.ClusterCredentialProfile {
	t.Helper()
	p := &v1alpha1.ClusterCredentialProfile{ObjectMeta: metav1.ObjectMeta{GenerateName: "pg-"}}
	p.Spec.S3 = e.s3("shared-bucket")
	p.Spec.S3.Auth.PodIdentity = &v1alpha1.S3PodIdentity{}
	p.Spec.AllowedNamespaces = allowed
	e.create(t, p)
	return p
}

func TestClusterProfileServesItsNamespaces(t *testing.T) {
	t.Parallel()
	e := setup(t)
	namespace := e.namespace(t, injector.InjectionEnabled)
	p := e.clusterProfile(t, &metav1.LabelSelector{MatchLabels: map[string]string{"e2e": "true"}})
	pod := e.gated(namespace, injector.AnnotationClusterProfile, p.Name)
	e.create(t, pod) // At once after the profile: a cache that lags is no reason to deny.
	if !isInjected(pod) || envOf(pod.Spec.Containers[0], "AWS_CONTAINER_CREDENTIALS_FULL_URI") == "" {
		t.Errorf("not injected: %+v", pod.Spec.Containers[0].Env)
	}
}

func TestStatusSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	e := setup(t)
	namespace := e.namespace(t, "")
	p := e.someProfile(t, namespace)
	accepted := func(want metav1.ConditionStatus, message string) {
		t.Helper()
		waitFor(t, "Accepted: "+string(want), 30*time.Second, func(ctx context.Context) (bool, string) {
			if err := e.client.Get(ctx, client.ObjectKeyFromObject(p), p); err != nil {
				return false, err.Error()
			}
			for _, c := range p.Status.Conditions {
				if c.Type == v1alpha1.ConditionAccepted && c.ObservedGeneration == p.Generation {
					return c.Status == want && strings.Contains(c.Message, message), c.Message
				}
			}
			return false, "no condition"
		})
	}
	accepted(metav1.ConditionTrue, "Pods can be injected")
	if p.Status.Store != "s3://"+namespace+"/dumps" || p.Status.Auth != "webIdentity" {
		t.Errorf("status: %+v", p.Status)
	}
	p.Spec.Tools = []v1alpha1.Tool{"kopia"}
	if err := e.client.Update(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	accepted(metav1.ConditionFalse, "spec.tools[0]: kopia cannot be used with s3.auth.webIdentity of this profile: its S3 library knows Amazon's token service only, and not webIdentity.stsEndpoint")
}
