package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"

	"lighterman.dev/lighterman/e2e/harness/store"
)

// TestBucketFromConfigMap runs pods whose bucket only a ConfigMap names, as that of an ObjectBucketClaim: they wait until it is there,
// and then sidecar and container write into the bucket that the kubelet read from it.
func TestBucketFromConfigMap(t *testing.T) {
	t.Parallel()
	e := setup(t)
	namespace := e.namespace(t, injector.InjectionEnabled)
	role := e.store.RoleForTest(t, store.Role{
		Name: namespace, Audience: audience, Subject: "system:serviceaccount:" + namespace + ":backup", Policy: backups(namespace),
	})
	p := e.profile(t, namespace, role, func(s *v1alpha1.CredentialProfileSpec) {
		s.S3.Bucket = ""
		s.S3.BucketFrom = &v1alpha1.BucketSource{ConfigMap: &v1alpha1.ConfigMapKeyRef{Name: "claim", Key: "BUCKET_NAME"}}
		s.Uploader = &v1alpha1.Uploader{Path: "/spool"}
	})
	if want := "s3://(ConfigMap claim, key BUCKET_NAME)"; !strings.HasPrefix(p.Status.Store, want) {
		t.Errorf("status.store is %q, want %s…", p.Status.Store, want)
	}
	job := e.startJob(t, namespace, e.dump("select 1;"))
	waitFor(t, "the preflight to wait for the ConfigMap", time.Minute, func(ctx context.Context) (bool, string) {
		pods, err := e.kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if err != nil || len(pods.Items) == 0 || len(pods.Items[0].Status.InitContainerStatuses) == 0 {
			return false, fmt.Sprint(err)
		}
		waiting := pods.Items[0].Status.InitContainerStatuses[0].State.Waiting
		return waiting != nil && waiting.Reason == "CreateContainerConfigError", fmt.Sprintf("%+v", waiting)
	})
	e.create(t, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "claim", Namespace: namespace}, Data: map[string]string{"BUCKET_NAME": namespace},
	})
	if ok, log := e.endJob(t, job); !ok {
		t.Fatalf("%s\n%s", log, e.describePods(t.Context(), namespace))
	}
	r := &uploadRun{environment: e, pod: e.onlyPod(t, namespace)}
	r.complete(t, map[string]string{"orders.sql": sum("select 1;")})

	template := e.template(corev1.RestartPolicyNever, put("by-hand", "select 2;")...)
	template.Annotations[injector.AnnotationUpload] = "false"
	if ok, log := e.job(t, namespace, template); !ok {
		t.Fatal(log)
	}
	if got := r.object(t, namespace, "dumps/by-hand"); got != "select 2;" {
		t.Errorf("the container wrote %q", got)
	}
}
