package e2e_test

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
)

// piped makes the standard output the backup.
func piped(u *v1alpha1.Uploader) { u.Path, u.Completion, u.Stdout = "", "Wrap", "orders.dump" }

// emits is a pod whose container writes a dump to its standard output. Its image has no shell.
func (e *environment) emits(args ...string) corev1.PodTemplateSpec {
	template := e.template(corev1.RestartPolicyNever, append([]string{"emit", "/spool/orders.dump"}, args...)...)
	template.Spec.Containers[0].Command = []string{"/backup"}
	template.Spec.TerminationGracePeriodSeconds = nil
	return template
}

// TestUploaderOfStandardOutput runs Jobs whose dump is on no disk, with the resources that the sidecar has by default.
func TestUploaderOfStandardOutput(t *testing.T) {
	t.Parallel()
	e := setup(t)
	together(t, map[string]func(*testing.T){
		"stored": func(t *testing.T) {
			t.Helper()
			namespace := e.uploads(t, piped, backups)
			t.Cleanup(func() {
				if err := e.store.EmptyBucket(context.WithoutCancel(t.Context()), namespace); err != nil { // Before the disk of the node is full.
					t.Error(err)
				}
			})
			ok, log := e.job(t, namespace, e.emits("--random=1Gi"))
			if !ok {
				t.Fatalf("%s\n%s", log, e.describePods(t.Context(), namespace))
			}
			r := &uploadRun{environment: e, pod: e.onlyPod(t, namespace)}
			if status := r.status(injector.UploaderContainerName); status == nil || status.RestartCount != 0 {
				t.Errorf("the sidecar's status is %+v", status)
			}
			for _, v := range r.pod.Spec.Volumes {
				if v.EmptyDir != nil && v.Name != injector.UploaderVolumeName {
					t.Errorf("the pod has a scratch volume %s", v.Name)
				}
			}
			if !strings.Contains(log, "1 files with 1.0 GiB are stored") {
				t.Errorf("the last line is missing: %s", log)
			}
			r.complete(t, r.written(t))
		},
		"fails behind the last byte": func(t *testing.T) {
			t.Helper()
			namespace := e.uploads(t, piped, backups)
			ok, log := e.job(t, namespace, e.emits("--random=64Mi", "--fail"))
			if ok {
				t.Errorf("the Job succeeds: %s", log)
			}
			r := &uploadRun{environment: e, pod: e.onlyPod(t, namespace)}
			r.until(t, "the sidecar's end", func() bool { return r.status(injector.UploaderContainerName).State.Terminated != nil })
			r.incomplete(t)
		},
		"nothing is no backup": func(t *testing.T) {
			t.Helper()
			namespace := e.uploads(t, piped, backups)
			ok, log := e.job(t, namespace, e.emits("--random=0"))
			if ok || !strings.Contains(log, "written nothing to its standard output") {
				t.Errorf("the Job succeeds: %v: %s", ok, log)
			}
			(&uploadRun{environment: e, pod: e.onlyPod(t, namespace)}).incomplete(t)
		},
	})
}
