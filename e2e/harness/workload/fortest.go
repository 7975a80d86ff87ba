package workload

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"lighterman.dev/lighterman/e2e/harness/cluster"
	"lighterman.dev/lighterman/e2e/harness/require"
	"lighterman.dev/lighterman/e2e/harness/tools"
)

// ForTest is Deliver for tests: a cluster that images have no way into ends the test through package require.
func ForTest(tb testing.TB, target *cluster.Target) string {
	tb.Helper()
	b, err := tools.NewBuilder(tb.Output())
	if err != nil {
		tb.Fatal(err)
	}
	ref, err := Deliver(tb.Context(), b, target)
	if errors.Is(err, cluster.ErrNoRepository) {
		require.Skip(tb, err.Error())
	}
	if err != nil {
		tb.Fatal(err)
	}
	return ref
}

// RunPod runs the pod to its end and returns its phase and log.
func RunPod(tb testing.TB, kube kubernetes.Interface, namespace string, pod *corev1.Pod) (corev1.PodPhase, string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	pods := kube.CoreV1().Pods(namespace)
	created, err := createPod(ctx, kube, namespace, pod)
	if err != nil {
		tb.Fatal(err)
	}
	for created.Status.Phase != corev1.PodSucceeded && created.Status.Phase != corev1.PodFailed {
		select {
		case <-ctx.Done():
			tb.Fatalf("pod %s is still %s: %+v", pod.Name, created.Status.Phase, created.Status)
		case <-time.After(200 * time.Millisecond):
		}
		if created, err = pods.Get(ctx, pod.Name, metav1.GetOptions{}); err != nil {
			tb.Fatal(err)
		}
	}
	log, err := pods.GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	return created.Status.Phase, string(log)
}

// createPod tries until the namespace has its default service account, which comes a moment after it.
func createPod(ctx context.Context, kube kubernetes.Interface, namespace string, pod *corev1.Pod) (*corev1.Pod, error) {
	for {
		created, err := kube.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{})
		if err == nil || !strings.Contains(err.Error(), "error looking up service account") {
			return created, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(100 * time.Millisecond):
		}
	}
}
