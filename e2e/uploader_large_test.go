package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/uploader"
)

// TestUploaderOfALargeFile uploads two gibibytes with the resources that the sidecar has by default, reads them back, and
// shows how much memory that took.
func TestUploaderOfALargeFile(t *testing.T) {
	t.Parallel()
	e := setup(t)
	namespace := e.uploads(t, both(wrapped, func(u *v1alpha1.Uploader) { u.Upload = "Stream" }), backups)
	t.Cleanup(func() {
		if err := e.store.EmptyBucket(context.WithoutCancel(t.Context()), namespace); err != nil { // Before the disk of the node is full.
			t.Error(err)
		}
	})
	job := e.startJob(t, namespace, e.scripted(t, "/backup write /spool/orders.dump --random=2Gi"))
	r := e.runningUpload(t, namespace)
	begun := time.Now()
	// The most that the process ever had in memory, as the kernel counts it; the last that can be read before it ends.
	peak := r.onNode(t, injector.UploaderContainerName, `
while now=$(grep VmHWM /proc/$pid/status 2>/dev/null); do last=$now; usleep 100000; done
echo $last`)
	if ok, log := e.endJob(t, job); !ok {
		t.Fatal(log)
	}
	var kib int64
	if _, err := fmt.Sscanf(peak, "VmHWM: %d kB", &kib); err != nil {
		t.Fatalf("%v: %q", err, peak)
	}
	r.until(t, "the sidecar's end", func() bool { return r.status(injector.UploaderContainerName).State.Terminated != nil })
	limit := r.sidecar(t).Resources.Limits.Memory().Value()
	t.Logf("written and stored in %v", time.Since(begun).Round(time.Second))
	t.Logf("peak memory of the sidecar: %d MiB of %d MiB", kib>>10, limit>>20)
	if limit == 0 || kib<<10 >= limit {
		t.Errorf("the sidecar had up to %d KiB in memory, and the limit is %d", kib, limit>>10)
	}
	if status := r.status(injector.UploaderContainerName); status.RestartCount != 0 || status.State.Terminated.ExitCode != 0 {
		t.Errorf("the sidecar's end: %+v", status)
	}
	r.verify(t, map[string]string{"orders.dump": r.written(t)["orders.dump"]}, 2<<30)
}

// sidecar is that of the run's pod.
func (r *uploadRun) sidecar(t *testing.T) *corev1.Container {
	t.Helper()
	for i := range r.pod.Spec.InitContainers {
		if c := &r.pod.Spec.InitContainers[i]; c.Name == injector.UploaderContainerName {
			return c
		}
	}
	t.Fatal("the pod has no sidecar")
	return nil
}

// verify has another pod of the profile read all objects back, and compares its report with what was written.
func (r *uploadRun) verify(t *testing.T, want map[string]string, size int64) {
	t.Helper()
	m, err := r.manifest(t.Context())
	if err != nil || m == nil || !m.Final || len(m.Files) != len(want) {
		t.Fatalf("the manifest is %+v: %v", m, err)
	}
	sidecar := r.sidecar(t)
	template := r.template(corev1.RestartPolicyNever, "verify", m.Key)
	template.Annotations[injector.AnnotationUpload] = "false"
	c := &template.Spec.Containers[0]
	c.Image, c.Env = sidecar.Image, []corev1.EnvVar{{Name: uploader.EnvConfig, Value: envOf(*sidecar, uploader.EnvConfig)}}
	ok, log := r.job(t, r.pod.Namespace, template)
	if !ok {
		t.Fatal(log)
	}
	for path, sum := range want {
		if line := fmt.Sprintf("ok    %s  %d bytes  sha256:%s\n", path, size, sum); sum == "" || !strings.Contains(log, line) {
			t.Errorf("no line %q in\n%s", line, log)
		}
	}
}
