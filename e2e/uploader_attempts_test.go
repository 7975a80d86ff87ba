package e2e_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"lighterman.dev/lighterman/injector"
	uploads "lighterman.dev/lighterman/uploader/manifest"
)

// secondTry fails when it runs in a pod for the first time, and leaves half a dump. In its second attempt it writes the whole one.
const secondTry = `
sleep 3
if test -e /spool/tried; then
  /backup write /spool/orders.dump --random=6Mi
else
  echo >/spool/tried
  head -c 6000000 /dev/zero >/spool/orders.dump
  exit 3
fi`

// TestUploaderAttempts runs wrapped commands that fail, and begin again.
func TestUploaderAttempts(t *testing.T) {
	t.Parallel()
	e := setup(t)
	together(t, map[string]func(*testing.T){
		"OnFailure: the second attempt is the backup":       e.secondAttempt,
		"two containers: the second one fails":              e.secondContainerFails,
		"two containers: the second one is never started":   e.secondContainerNeverStarts,
		"two containers: both end with 0":                   e.bothContainersEnd,
		"the sidecar is killed before a command that fails": e.killedBeforeFailure,
	})
}

func (e *environment) secondAttempt(t *testing.T) {
	t.Helper()
	namespace := e.uploads(t, wrapped, backups)
	template := e.scripted(t, secondTry)
	template.Spec.RestartPolicy = corev1.RestartPolicyOnFailure
	r := e.lasting(t, namespace, template)
	r.until(t, "the second attempt to end", func() bool {
		status := r.status("dump")
		return status.RestartCount == 1 && status.State.Terminated != nil
	})
	if code := r.ended(t, "dump").ExitCode; code != 0 {
		t.Errorf("the second attempt ended with %d", code)
	}
	if state := r.ended(t, injector.UploaderContainerName); state.ExitCode != 0 {
		t.Errorf("the sidecar ended with %+v", state)
	}
	r.complete(t, r.written(t))
	m, err := r.manifest(t.Context())
	if err != nil || m.State != uploads.Complete {
		t.Fatalf("the manifest is %+v: %v", m, err)
	}
	if !slices.ContainsFunc(m.Skipped, func(s uploads.Skipped) bool { return s.Path == "tried" && strings.Contains(s.Reason, "left over") }) {
		t.Errorf("skipped: %+v", m.Skipped)
	}
}

// withSecond adds a second container with a script of its own, which has the spool.
func (e *environment) withSecond(t *testing.T, first, second string) corev1.PodTemplateSpec {
	t.Helper()
	template := e.scripted(t, first)
	c := *template.Spec.Containers[0].DeepCopy()
	c.Name, c.Args = "second", []string{second}
	template.Spec.Containers = append(template.Spec.Containers, c)
	return template
}

func (e *environment) secondContainerFails(t *testing.T) {
	t.Helper()
	namespace := e.uploads(t, wrapped, backups)
	job := e.startJob(t, namespace, e.withSecond(t, "echo one >/spool/orders.dump", "sleep 3; echo half >/spool/half; exit 3"))
	if ok, log := e.endJob(t, job); ok {
		t.Error(log)
	}
	r := &uploadRun{environment: e, pod: e.onlyPod(t, namespace)}
	if code := r.ended(t, "dump").ExitCode; code != 74 {
		t.Errorf("the first container ended with %d", code)
	}
	state := r.ended(t, injector.UploaderContainerName)
	if state.ExitCode == 0 || !strings.Contains(state.Message, `container "second" failed with code 3 in attempt 1`) {
		t.Errorf("the sidecar ended with %+v", state)
	}
	r.incomplete(t)
}

func (e *environment) secondContainerNeverStarts(t *testing.T) {
	t.Helper()
	namespace := e.uploads(t, wrapped, backups)
	template := e.withSecond(t, "echo one >/spool/orders.dump", "true")
	template.Spec.Containers[1].Image, template.Spec.Containers[1].ImagePullPolicy = "localhost/not-there-yet:1", corev1.PullNever
	r := e.lasting(t, namespace, template)
	r.until(t, "the second container to wait for its image", func() bool {
		status := r.status("second")
		return status != nil && status.State.Waiting != nil && status.State.Waiting.Reason == "ErrImageNeverPull"
	})
	waitFor(t, "the first container to wait for it", patience, func(ctx context.Context) (bool, string) {
		log, err := r.log(ctx, r.pod, "dump")
		return err == nil && strings.Contains(log, "waiting for the command of container second"), log
	})
	r.incomplete(t)
	r.deletePod(t, nil)
	if code := r.ended(t, "dump").ExitCode; code == 0 {
		t.Error("the first container ended with 0")
	}
	r.incomplete(t)
}

func (e *environment) bothContainersEnd(t *testing.T) {
	t.Helper()
	namespace := e.uploads(t, wrapped, backups)
	job := e.startJob(t, namespace, e.withSecond(t, "/backup write /spool/orders.dump --random=6Mi", "sleep 3; echo two >/spool/two"))
	if ok, log := e.endJob(t, job); !ok {
		t.Fatal(log)
	}
	r := &uploadRun{environment: e, pod: e.onlyPod(t, namespace)}
	want := r.written(t)
	want["two"] = sum("two\n")
	r.complete(t, want)
}

func (e *environment) killedBeforeFailure(t *testing.T) {
	t.Helper()
	namespace := e.uploads(t, wrapped, backups)
	job := e.startJob(t, namespace, e.scripted(t, "echo half >/spool/orders.dump\n"+untilReleased+"exit 3"))
	r := e.runningUpload(t, namespace)
	r.onNode(t, "kill -9 $pid")
	r.release(t)
	if ok, log := e.endJob(t, job); ok {
		t.Error(log)
	}
	if code := r.ended(t, "dump").ExitCode; code != 3 {
		t.Errorf("the container ended with %d", code)
	}
	state := r.ended(t, injector.UploaderContainerName)
	if state.ExitCode == 0 || !strings.Contains(state.Message, `container "dump" failed with code 3`) {
		t.Errorf("the sidecar ended with %+v", state)
	}
	r.incomplete(t)
}
