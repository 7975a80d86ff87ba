package e2e_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"

	"lighterman.dev/lighterman/e2e/harness/store"
)

// uploads makes a namespace whose profile "pg" has the uploader, with a role that may do what policy says.
func (e *environment) uploads(t *testing.T, change func(*v1alpha1.Uploader), policy func(bucket string) string) (namespace string) {
	t.Helper()
	namespace = e.namespace(t, injector.InjectionEnabled)
	role := e.store.RoleForTest(t, store.Role{
		Name: namespace, Audience: audience, Subject: "system:serviceaccount:" + namespace + ":backup", Policy: policy(namespace),
	})
	e.profile(t, namespace, role, func(s *v1alpha1.CredentialProfileSpec) {
		s.Uploader = &v1alpha1.Uploader{Path: "/spool"}
		change(s.Uploader)
	})
	return namespace
}

func backups(bucket string) string { return store.AllowBackups(bucket, "dumps/") }

// dump is a pod whose container writes a file into the spool, and knows nothing of the uploader.
func (e *environment) dump(text string) corev1.PodTemplateSpec {
	template := e.template(corev1.RestartPolicyNever, "write", "/spool/orders.sql", "--from-text="+text)
	template.Spec.Containers[0].Command = []string{"/backup"}
	template.Spec.TerminationGracePeriodSeconds = nil
	return template
}

func drained(*v1alpha1.Uploader) {}

func wrapped(u *v1alpha1.Uploader) { u.Completion = "Wrap" }

// TestUploader runs Jobs whose files the native sidecar uploads.
func TestUploader(t *testing.T) {
	t.Parallel()
	e := setup(t)
	for name, change := range map[string]func(*v1alpha1.Uploader){
		"drained": drained, "wrapped": wrapped, "streamed": func(u *v1alpha1.Uploader) { u.Upload = "Stream" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace := e.uploads(t, change, backups)
			if ok, log := e.job(t, namespace, e.dump("select 1;")); !ok {
				t.Fatalf("%s\n%s", log, e.describePods(t.Context(), namespace))
			}
			r := &uploadRun{environment: e, pod: e.onlyPod(t, namespace)}
			r.complete(t, map[string]string{"orders.sql": sum("select 1;")})
		})
	}
	t.Run("a command that fails keeps its exit code, and no manifest is written", func(t *testing.T) {
		t.Parallel()
		namespace := e.uploads(t, wrapped, backups)
		template := e.dump("")
		template.Spec.Containers[0].Args = []string{"write", "/nowhere/orders.sql"}
		if ok, _ := e.job(t, namespace, template); ok {
			t.Error("the Job succeeded")
		}
		if code := e.terminated(t, namespace, "dump").ExitCode; code != 1 {
			t.Errorf("the container's exit code is %d, and the program's was 1", code)
		}
	})
	t.Run("a file that is not stored fails the wrapped Job", func(t *testing.T) {
		t.Parallel()
		namespace := e.uploads(t, func(u *v1alpha1.Uploader) { u.Completion, u.Key = "Wrap", "{path}" }, backups)
		if ok, log := e.job(t, namespace, e.dump("the first")); !ok {
			t.Fatal(log)
		}
		if ok, log := e.job(t, namespace, e.dump("another under the same key")); ok {
			t.Error(log)
		}
		if got := e.object(t, namespace, "dumps/orders.sql"); got != "the first" {
			t.Errorf("the object was replaced: %q", got)
		}
	})
	t.Run("a role that may not write ends the pod before its containers start", func(t *testing.T) {
		t.Parallel()
		namespace := e.uploads(t, wrapped, func(bucket string) string { return store.AllowBackups(bucket, "elsewhere/") })
		if ok, _ := e.job(t, namespace, e.dump("never")); ok {
			t.Error("the Job succeeded")
		}
		state := e.terminated(t, namespace, injector.PreflightContainerName)
		if state == nil || state.ExitCode == 0 || !strings.Contains(state.Message, "cannot be written") {
			t.Errorf("the preflight ended with %+v", state)
		}
		if e.terminated(t, namespace, "dump") != nil {
			t.Error("the container ran")
		}
	})
}

// onlyPod is the newest pod of the namespace.
func (e *environment) onlyPod(t *testing.T, namespace string) *corev1.Pod {
	t.Helper()
	pods, err := e.kube.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(pods.Items) != 1 {
		t.Fatalf("%d pods: %v", len(pods.Items), err)
	}
	return &pods.Items[0]
}

// terminated says how a container of the namespace's pod has ended; nil: it has not.
func (e *environment) terminated(t *testing.T, namespace, container string) *corev1.ContainerStateTerminated {
	t.Helper()
	status := e.onlyPod(t, namespace).Status
	for _, list := range [][]corev1.ContainerStatus{status.InitContainerStatuses, status.ContainerStatuses} {
		for i := range list {
			if list[i].Name == container {
				return list[i].State.Terminated
			}
		}
	}
	return nil
}
