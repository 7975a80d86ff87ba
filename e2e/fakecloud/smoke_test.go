package fakecloud_test

import (
	"context"
	"maps"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"lighterman.dev/lighterman/e2e/fakecloud"
	"lighterman.dev/lighterman/e2e/harness/cluster"
	"lighterman.dev/lighterman/e2e/harness/store"
	"lighterman.dev/lighterman/e2e/harness/workload"
)

const filesDir = "/var/run/secrets/smoke"

// smoke is a namespace with the clouds' authority in it, whose pods have a hand-written environment.
type smoke struct {
	*fakecloud.Cloud
	s3        *store.Store
	kube      kubernetes.Interface
	target    *cluster.Target
	namespace string
	image     string
}

// shared is what the first test installs for all. A test that fails over it leaves the next one to try again.
var shared struct {
	sync.Mutex
	*fakecloud.Cloud
	s3    *store.Store
	image string
}

func setup(t *testing.T) *smoke {
	t.Helper()
	target := cluster.ForTest(t)
	kube, err := kubernetes.NewForConfig(target.REST)
	if err != nil {
		t.Fatal(err)
	}
	s := &smoke{kube: kube, target: target}
	shared.Lock()
	defer shared.Unlock()
	if shared.Cloud == nil {
		shared.s3 = store.ForTest(t, target)
		shared.image = workload.ForTest(t, target)
		shared.Cloud = fakecloud.ForTest(t, target, shared.s3)
	}
	s.Cloud, s.s3, s.image = shared.Cloud, shared.s3, shared.image
	ns, err := kube.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "smoke-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := kube.CoreV1().Namespaces().Delete(context.WithoutCancel(t.Context()), ns.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	s.namespace = ns.Name
	return s
}

func (s *smoke) subject(account string) string {
	return "system:serviceaccount:" + s.namespace + ":" + account
}

// pod is what a test varies.
type pod struct {
	name string
	// audience is of the token in the file "token".
	audience string
	env      map[string]string
	files    map[string]string
	// account is the service account; empty is the default one.
	account string
	labels  map[string]string
	// buckets are those that the pod addresses by host name.
	buckets []string
}

// put runs a pod that puts "hello" there, and returns its log.
func (s *smoke) put(t *testing.T, p pod, target string) (ok bool, log string) {
	t.Helper()
	files := map[string]string{"ca.crt": string(s.CABundle())}
	maps.Copy(files, p.files)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: p.name}, StringData: files}
	if _, err := s.kube.CoreV1().Secrets(s.namespace).Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	// The system's authorities have no say: only the clouds' does.
	env := []corev1.EnvVar{{Name: "SSL_CERT_FILE", Value: filesDir + "/ca.crt"}, {Name: "AWS_CA_BUNDLE", Value: filesDir + "/ca.crt"}}
	for name, value := range p.env {
		env = append(env, corev1.EnvVar{Name: name, Value: value})
	}
	sources := []corev1.VolumeProjection{{Secret: &corev1.SecretProjection{LocalObjectReference: corev1.LocalObjectReference{Name: p.name}}}}
	if p.audience != "" {
		sources = append(sources, corev1.VolumeProjection{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Audience: p.audience, Path: "token"}})
	}
	phase, log := workload.RunPod(t, s.kube, s.namespace, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: p.name, Labels: p.labels},
		Spec: corev1.PodSpec{
			ServiceAccountName: p.account,
			RestartPolicy:      corev1.RestartPolicyNever,
			HostAliases:        append(s.HostAliases(p.buckets...), fakecloud.MetadataHostAlias()),
			Containers: []corev1.Container{{
				Name: "backup", Image: s.image, Args: []string{"put", target, "--from-text=hello"}, Env: env,
				VolumeMounts: []corev1.VolumeMount{{Name: "files", MountPath: filesDir}},
			}},
			Volumes: []corev1.Volume{{Name: "files", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: sources}}}},
		},
	})
	return phase == corev1.PodSucceeded, log
}

// attempt is a pod that is to put an object, or to be refused with a message.
type attempt struct {
	pod
	// refused is part of the message. Empty: the object is put.
	refused string
}

func (s *smoke) run(t *testing.T, attempts map[string]attempt, target string, read func(name string) ([]byte, bool)) {
	t.Helper()
	for name, a := range attempts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a.name = strings.NewReplacer(" ", "-", ",", "", "'", "").Replace(name)
			ok, log := s.put(t, a.pod, target+"/"+a.name)
			content, stored := read(a.name)
			if a.refused != "" {
				if ok || stored || !strings.Contains(log, a.refused) {
					t.Errorf("not refused with %q: succeeded %t, stored %t\n%s", a.refused, ok, stored, log)
				}
				return
			}
			if !ok || string(content) != "hello" {
				t.Errorf("succeeded %t, content %q\n%s", ok, content, log)
			}
		})
	}
}
