package e2e_test

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"lighterman.dev/lighterman/injector"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/e2e/harness/tools"
	"lighterman.dev/lighterman/e2e/harness/workload"
)

// shellImage is delivered by the first test that needs it.
var shellImage struct { // As shared.
	sync.Mutex
	ref string
}

const mergePatch = types.MergePatchType

// shell is the image with a shell, as the cluster knows it. Its user is root.
func (e *environment) shell(t *testing.T) string {
	t.Helper()
	shellImage.Lock()
	defer shellImage.Unlock()
	if shellImage.ref == "" {
		b, err := tools.NewBuilder(os.Stderr)
		if err != nil {
			t.Fatal(err)
		}
		if shellImage.ref, err = workload.DeliverShell(t.Context(), b, e.target); err != nil {
			t.Fatal(err)
		}
	}
	return shellImage.ref
}

// scripted is a pod whose container runs a script and knows nothing of the uploader.
func (e *environment) scripted(t *testing.T, script string) corev1.PodTemplateSpec {
	t.Helper()
	template := e.template(corev1.RestartPolicyNever)
	template.Spec.TerminationGracePeriodSeconds = nil
	c := &template.Spec.Containers[0]
	c.Image, c.Command, c.Args = e.shell(t), []string{"sh", "-euc"}, []string{script}
	return template
}

// onNode runs a script among the processes of the node on which the run's pod is, as its administrator, and gives what it
// prints. In $pid is the process of one of the pod's containers.
func (r *uploadRun) onNode(t *testing.T, container, script string) string {
	t.Helper()
	_, id, ok := strings.Cut(r.status(container).ContainerID, "://")
	if !ok {
		t.Fatalf("container %s has no ID: %+v", container, r.pod.Status)
	}
	// Probes run in the same control group for a moment. The container's first process is there as long as the container.
	find := `pid=$(grep -l ` + id + ` /proc/[0-9]*/cgroup 2>/dev/null | cut -d/ -f3 | sort -n | head -1); [ "$pid" ]` + "\n"
	root := int64(0)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "node-", Namespace: r.pod.Namespace, Annotations: map[string]string{injector.AnnotationInject: "false"}},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, HostPID: true, NodeName: r.pod.Spec.NodeName,
			Containers: []corev1.Container{{
				Name: "node", Image: r.shell(t), Command: []string{"sh", "-euc", find + script},
				SecurityContext: &corev1.SecurityContext{Privileged: new(true), RunAsUser: &root},
			}},
		},
	}
	r.create(t, pod)
	node := &uploadRun{environment: r.environment, pod: pod}
	state := node.ended(t, "node")
	log, err := r.log(t.Context(), pod, "node")
	if err != nil || state.ExitCode != 0 {
		t.Fatalf("on the node: %+v %v\n%s", state, err, log)
	}
	return log
}

// together runs subtests at the same time, in the one place that this test has among the parallel ones: they wait for
// most of their time.
func together(t *testing.T, tests map[string]func(*testing.T)) {
	t.Helper()
	var group sync.WaitGroup
	for name, test := range tests {
		group.Go(func() { t.Run(name, test) })
	}
	group.Wait()
}

// deletePod is "kubectl delete pod": the pod has its grace period, unless another is given.
func (r *uploadRun) deletePod(t *testing.T, grace *int64) {
	t.Helper()
	err := r.kube.CoreV1().Pods(r.pod.Namespace).Delete(t.Context(), r.pod.Name, metav1.DeleteOptions{GracePeriodSeconds: grace})
	if err != nil {
		t.Fatal(err)
	}
}

// lastingFinalizer keeps a pod that was deleted, to be looked at after its end.
const lastingFinalizer = "lighterman.dev/e2e"

// lasting is a bare pod of the template which can be looked at after its end, though it was deleted.
func (e *environment) lasting(t *testing.T, namespace string, template corev1.PodTemplateSpec) *uploadRun {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.GenerateName, pod.Namespace, pod.Finalizers = "dump-", namespace, []string{lastingFinalizer}
	e.create(t, pod)
	(&uploadRun{environment: e, pod: pod}).letGo(t)
	return e.runningUpload(t, namespace)
}

// letGo takes the finalizer away when the test has ended.
func (r *uploadRun) letGo(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		err := r.client.Patch(context.WithoutCancel(t.Context()), r.pod, client.RawPatch(mergePatch, []byte(`{"metadata":{"finalizers":null}}`)))
		if err != nil {
			t.Error(err)
		}
	})
}
