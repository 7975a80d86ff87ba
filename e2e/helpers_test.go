package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/e2e/harness/store"
)

type wait = time.Duration

// pause waits before the next look; the error is that of a context that has ended.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(100 * time.Millisecond):
		return nil
	}
}

const audience = "sts.amazonaws.com"

// role makes a role that service account backup of the namespace may take, for objects below prefix dumps.
func (e *environment) role(t *testing.T, namespace string) string {
	t.Helper()
	return e.store.RoleForTest(t, store.Role{
		Name: namespace, Audience: audience, Subject: "system:serviceaccount:" + namespace + ":backup",
		Policy: store.AllowPrefix(namespace, "dumps/", "s3:PutObject"),
	})
}

// s3 is the store, with the namespace's bucket; auth is to be filled in.
func (e *environment) s3(namespace string) *v1alpha1.S3Store {
	return &v1alpha1.S3Store{
		Bucket: namespace, Prefix: "dumps", Region: store.Region, Endpoint: e.store.Endpoint,
		Preset: "Other", ForcePathStyle: new(true),
	}
}

// profile makes a profile "pg" of the namespace: web identity, and the store's CA from the ConfigMap, unless change
// says otherwise.
func (e *environment) profile(t *testing.T, namespace, role string, change ...func(*v1alpha1.CredentialProfileSpec)) *v1alpha1.CredentialProfile {
	t.Helper()
	s3 := e.s3(namespace)
	s3.Auth.WebIdentity = &v1alpha1.S3WebIdentity{RoleARN: role, STSEndpoint: e.store.STSEndpoint}
	p := &v1alpha1.CredentialProfile{
		ObjectMeta: metav1.ObjectMeta{Name: "pg", Namespace: namespace},
		Spec: v1alpha1.CredentialProfileSpec{
			S3: s3, CABundle: &v1alpha1.CABundle{ConfigMap: &v1alpha1.CAKeyRef{Name: "store-ca"}},
		},
	}
	for _, c := range change {
		c(&p.Spec)
	}
	e.create(t, p)
	// Until then a replica's cache may hold a profile of that name which a former test has deleted.
	waitFor(t, "the profile to be looked at", 30*time.Second, func(ctx context.Context) (bool, string) {
		err := e.client.Get(ctx, client.ObjectKeyFromObject(p), p)
		return err == nil && len(p.Status.Conditions) > 0, fmt.Sprint(err)
	})
	return p
}

// someProfile is for tests in which no pod runs.
func (e *environment) someProfile(t *testing.T, namespace string, change ...func(*v1alpha1.CredentialProfileSpec)) *v1alpha1.CredentialProfile {
	t.Helper()
	return e.profile(t, namespace, "arn:aws:iam::000000000000:role/none", change...)
}

// gated is a pod that is never scheduled: for tests of admission alone.
func (e *environment) gated(namespace string, annotations ...string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "dump-", Namespace: namespace, Annotations: pairs(annotations)},
		Spec: corev1.PodSpec{
			ServiceAccountName: "backup",
			SchedulingGates:    []corev1.PodSchedulingGate{{Name: "lighterman.dev/e2e"}},
			Containers:         []corev1.Container{{Name: "dump", Image: e.backup, Args: []string{"sleep", "1h"}}},
		},
	}
}

func pairs(of []string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(of); i += 2 {
		m[of[i]] = of[i+1]
	}
	return m
}

// template is a pod template that names profile pg and runs the backup program.
func (e *environment) template(restart corev1.RestartPolicy, args ...string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{
			Annotations: map[string]string{injector.AnnotationProfile: "pg"},
			Labels:      map[string]string{"app": "dump"},
		},
		Spec: corev1.PodSpec{
			ServiceAccountName:            "backup",
			RestartPolicy:                 restart,
			TerminationGracePeriodSeconds: ptr.To[int64](1),
			Containers:                    []corev1.Container{{Name: "dump", Image: e.backup, Args: args}},
		},
	}
}

// put are the arguments that put text into the profile's store: the container's own args refer to what is injected.
func put(key, text string) []string {
	return []string{"put", "s3://$(LIGHTERMAN_BUCKET)/$(LIGHTERMAN_PREFIX)/" + key, "--from-text=" + text}
}

// job runs a Job with the template to its end, and gives its last pod's log, if its container ran.
func (e *environment) job(t *testing.T, namespace string, template corev1.PodTemplateSpec) (succeeded bool, log string) {
	t.Helper()
	return e.endJob(t, e.startJob(t, namespace, template))
}

func (e *environment) startJob(t *testing.T, namespace string, template corev1.PodTemplateSpec) *batchv1.Job {
	t.Helper()
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "dump-", Namespace: namespace},
		Spec:       batchv1.JobSpec{Template: template, BackoffLimit: ptr.To[int32](0)},
	}
	e.create(t, job)
	return job
}

func (e *environment) endJob(t *testing.T, job *batchv1.Job) (succeeded bool, log string) {
	t.Helper()
	namespace := job.Namespace
	waitFor(t, "the end of Job "+job.Name, 10*time.Minute, func(ctx context.Context) (bool, string) {
		if err := e.client.Get(ctx, client.ObjectKeyFromObject(job), job); err != nil {
			return false, err.Error()
		}
		for _, c := range job.Status.Conditions {
			if c.Status == corev1.ConditionTrue && (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) {
				succeeded = c.Type == batchv1.JobComplete
				return true, ""
			}
		}
		return false, fmt.Sprintf("%+v; pods: %s", job.Status.Conditions, e.describePods(ctx, namespace))
	})
	pods, err := e.kube.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "job-name=" + job.Name})
	if err != nil || len(pods.Items) == 0 {
		t.Fatal(err, "no pod of the Job is left")
	}
	log, err = e.log(t.Context(), &pods.Items[0], job.Spec.Template.Spec.Containers[0].Name)
	if err != nil && succeeded {
		t.Fatal(err)
	}
	return succeeded, log
}

// log is what a container has written.
func (e *environment) log(ctx context.Context, pod *corev1.Pod, container string) (string, error) {
	raw, err := e.kube.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: container}).DoRaw(ctx)
	return string(raw), err
}

func (e *environment) describePods(ctx context.Context, namespace string) string {
	pods, err := e.kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err.Error()
	}
	var lines []string
	for _, p := range pods.Items {
		lines = append(lines, fmt.Sprintf("%s %s %+v", p.Name, p.Status.Phase, p.Status.ContainerStatuses))
	}
	return strings.Join(lines, "\n")
}

// object reads an object as the store's administrator.
func (e *environment) object(t *testing.T, bucket, key string) string {
	t.Helper()
	text, err := e.store.Object(t.Context(), bucket, key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// isInjected reports whether the first container has the store's bucket and, where the profile has files, their mount.
func isInjected(pod *corev1.Pod) bool {
	return pod.Annotations[injector.AnnotationInjected] != "" && envOf(pod.Spec.Containers[0], "LIGHTERMAN_BUCKET") != ""
}

func envOf(c corev1.Container, name string) string {
	for _, e := range c.Env {
		if e.Name == name {
			return e.Value
		}
	}
	return ""
}
