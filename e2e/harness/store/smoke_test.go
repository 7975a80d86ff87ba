package store_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"lighterman.dev/lighterman/e2e/harness/cluster"
	"lighterman.dev/lighterman/e2e/harness/store"
	"lighterman.dev/lighterman/e2e/harness/workload"
)

const (
	audience = "sts.amazonaws.com"
	tokenDir = "/var/run/secrets/smoke"
)

// TestWebIdentity puts objects from pods that have nothing but a service account token and a hand-written environment.
func TestWebIdentity(t *testing.T) {
	target := cluster.ForTest(t)
	s := store.ForTest(t, target)
	kube, err := kubernetes.NewForConfig(target.REST)
	if err != nil {
		t.Fatal(err)
	}
	namespace := newNamespace(t, kube, s)
	bucket := namespace
	if err := s.CreateBucket(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	role := s.RoleForTest(t, store.Role{
		Name: namespace, Audience: audience, Subject: "system:serviceaccount:" + namespace + ":default",
		Policy: store.AllowPrefix(bucket, "dumps/", "s3:PutObject"),
	})
	ref := workload.ForTest(t, target)

	t.Run("a pod with the token puts an object", func(t *testing.T) {
		pod := newPod("put", ref, role, s, "put", "s3://"+bucket+"/dumps/one", "--from-text=hello")
		phase, log := workload.RunPod(t, kube, namespace, pod)
		if phase != corev1.PodSucceeded || !strings.Contains(log, "identity from WebIdentityCredentials") {
			t.Fatalf("pod %s: %s", phase, log)
		}
		if got := object(t, s, bucket, "dumps/one"); got != "hello" {
			t.Errorf("object is %q", got)
		}
	})
	t.Run("the role does not reach beyond its prefix", func(t *testing.T) {
		pod := newPod("elsewhere", ref, role, s, "put", "s3://"+bucket+"/other/one", "--from-text=hello")
		phase, log := workload.RunPod(t, kube, namespace, pod)
		if phase != corev1.PodFailed || !strings.Contains(log, "AccessDenied") {
			t.Errorf("pod %s: %s", phase, log)
		}
	})
	t.Run("another service account does not get the role", func(t *testing.T) {
		_, err := kube.CoreV1().ServiceAccounts(namespace).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "other"}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		pod := newPod("stranger", ref, role, s, "put", "s3://"+bucket+"/dumps/two", "--from-text=hello")
		pod.Spec.ServiceAccountName = "other"
		phase, log := workload.RunPod(t, kube, namespace, pod)
		if phase != corev1.PodFailed || !strings.Contains(log, "InvalidIdentityToken") {
			t.Errorf("pod %s: %s", phase, log)
		}
	})
}

func TestAccessKey(t *testing.T) {
	target := cluster.ForTest(t)
	s := store.ForTest(t, target)
	bucket := fmt.Sprintf("keys-%d", time.Now().UnixNano())
	if err := s.CreateBucket(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	key, err := s.CreateUser(t.Context(), bucket, store.AllowPrefix(bucket, "in/", "s3:PutObject"))
	if err != nil {
		t.Fatal(err)
	}
	client := s.S3As(key)
	put := func(key string) error {
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("x")})
		return err
	}
	if err := put("in/one"); err != nil {
		t.Error(err)
	}
	if err := put("out/one"); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("put beyond the policy: %v", err)
	}
}

func newNamespace(t *testing.T, kube kubernetes.Interface, s *store.Store) string {
	t.Helper()
	ns, err := kube.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "smoke-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := kube.CoreV1().Namespaces().Delete(context.WithoutCancel(t.Context()), ns.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	ca := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "store-ca"}, Data: map[string]string{"ca.crt": string(s.CABundle())}}
	if _, err := kube.CoreV1().ConfigMaps(ns.Name).Create(t.Context(), ca, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return ns.Name
}

func newPod(name, ref, role string, s *store.Store, args ...string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever,
			Containers: []corev1.Container{{
				Name: "backup", Image: ref, Args: args,
				Env: []corev1.EnvVar{
					{Name: "AWS_ROLE_ARN", Value: role},
					{Name: "AWS_WEB_IDENTITY_TOKEN_FILE", Value: tokenDir + "/token"},
					{Name: "AWS_ENDPOINT_URL_STS", Value: s.STSEndpoint},
					{Name: "AWS_ENDPOINT_URL_S3", Value: s.Endpoint},
					{Name: "AWS_REGION", Value: store.Region},
					{Name: "AWS_CA_BUNDLE", Value: tokenDir + "/ca.crt"},
					{Name: "AWS_EC2_METADATA_DISABLED", Value: "true"},
				},
				VolumeMounts: []corev1.VolumeMount{{Name: "identity", MountPath: tokenDir}},
			}},
			Volumes: []corev1.Volume{{Name: "identity", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
				{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Audience: audience, Path: "token", ExpirationSeconds: new(int64(3600))}},
				{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "store-ca"}}},
			}}}}},
		},
	}
}

func object(t *testing.T, s *store.Store, bucket, key string) string {
	t.Helper()
	out, err := s.S3().GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	var buf bytes.Buffer
	if _, err := io.Copy(&buf, out.Body); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}
