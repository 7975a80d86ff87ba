package e2e_test

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"lighterman.dev/lighterman/injector"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/e2e/harness/image"
	"lighterman.dev/lighterman/e2e/harness/pki"
	"lighterman.dev/lighterman/e2e/harness/tools"
)

// TestSidecarInjectorComesLater has another webhook put a container in front of those that Lighterman has injected. The
// API server then asks Lighterman again: it injects the newcomer, and adds nothing to the others.
func TestSidecarInjectorComesLater(t *testing.T) {
	t.Parallel()
	e := setup(t)
	e.installMesh(t)
	namespace := e.namespace(t, injector.InjectionEnabled)
	e.someProfile(t, namespace)
	pod := e.gated(namespace, injector.AnnotationProfile, "pg")
	pod.Labels = map[string]string{"mesh": "true"}
	e.create(t, pod)

	if len(pod.Spec.Containers) != 2 || pod.Spec.Containers[0].Name != "mesh" {
		t.Fatalf("the mesh has not come: %+v", pod.Spec.Containers)
	}
	for _, c := range pod.Spec.Containers {
		count := map[string]int{}
		for _, env := range c.Env {
			count[env.Name]++
		}
		for name, n := range count {
			if n > 1 {
				t.Errorf("container %s has %s %d times", c.Name, name, n)
			}
		}
		mounts := 0
		for _, m := range c.VolumeMounts {
			if m.Name == injector.VolumeName {
				mounts++
			}
		}
		if count["AWS_ROLE_ARN"] != 1 || mounts != 1 {
			t.Errorf("container %s: %d × AWS_ROLE_ARN, %d mounts", c.Name, count["AWS_ROLE_ARN"], mounts)
		}
	}
}

// installMesh runs the other webhook. Its name comes after Lighterman's, and by that name webhooks are ordered.
func (e *environment) installMesh(t *testing.T) {
	t.Helper()
	b, err := tools.NewBuilder(t.Output())
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "mesh")
	if err := b.BuildMain(t.Context(), tools.Main{Module: "e2e", Package: "./cmd/mesh", Out: program}); err != nil {
		t.Fatal(err)
	}
	img, err := image.Build(image.Spec{Binaries: map[string]string{"/mesh": program}, Entrypoint: []string{"/mesh"}})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := e.target.Deliver(t.Context(), "localhost/mesh:1", img)
	if err != nil {
		t.Fatal(err)
	}
	namespace := e.namespace(t, "")
	host := "mesh." + namespace + ".svc"
	ca, err := pki.NewCA("mesh test CA")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Issue(pki.Leaf{CommonName: host, DNSNames: []string{host}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}})
	if err != nil {
		t.Fatal(err)
	}
	meta := metav1.ObjectMeta{Name: "mesh", Namespace: namespace, Labels: map[string]string{"app": "mesh"}}
	e.create(t, &corev1.Secret{ObjectMeta: meta, Data: map[string][]byte{
		corev1.TLSCertKey: pair.CertPEM, corev1.TLSPrivateKeyKey: pair.KeyPEM,
	}})
	e.create(t, &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{
		Selector: meta.Labels, Ports: []corev1.ServicePort{{Port: 443, TargetPort: intstr.FromInt32(8443)}},
	}})
	server := &corev1.Pod{ObjectMeta: meta, Spec: corev1.PodSpec{
		ServiceAccountName: "backup",
		Containers: []corev1.Container{{
			Name: "mesh", Image: ref, VolumeMounts: []corev1.VolumeMount{{Name: "tls", MountPath: "/tls"}},
			ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
				Path: "/healthz", Port: intstr.FromInt32(8443), Scheme: corev1.URISchemeHTTPS,
			}}},
		}},
		Volumes: []corev1.Volume{{Name: "tls", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "mesh"}}}},
	}}
	e.create(t, server)
	waitFor(t, "the mesh's webhook", time.Minute, func(ctx context.Context) (bool, string) {
		if err := e.client.Get(ctx, client.ObjectKeyFromObject(server), server); err != nil {
			return false, err.Error()
		}
		for _, c := range server.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
				return true, ""
			}
		}
		return false, fmt.Sprintf("%+v", server.Status.ContainerStatuses)
	})
	e.create(t, &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "zz-mesh-" + namespace},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: "mesh.example.com",
			ClientConfig: admissionregistrationv1.WebhookClientConfig{
				CABundle: ca.CertPEM(), Service: &admissionregistrationv1.ServiceReference{Namespace: namespace, Name: "mesh"},
			},
			ObjectSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"mesh": "true"}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
			SideEffects:             new(admissionregistrationv1.SideEffectClassNone),
			FailurePolicy:           new(admissionregistrationv1.Fail),
			AdmissionReviewVersions: []string{"v1"},
		}},
	})
	time.Sleep(time.Second) // API servers read the configuration a moment later, and nothing says when they have.
}
