package inpod

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"lighterman.dev/lighterman/injector"
)

// Options are the pod that the doctor runs in, and where its report goes.
type Options struct {
	// Namespace is where the pod runs.
	Namespace string
	// Profile or ClusterProfile is the profile that the pod names. Neither: the webhook chooses, as for any such pod.
	Profile, ClusterProfile string
	ServiceAccount          string
	// Workload is what {workload} stands for in the profile's prefix; empty: DefaultWorkload.
	Workload string
	// Image is that of the pod; empty: that of the sidecar which the webhook adds.
	Image string
	// Labels are given to the pod, for network policies.
	Labels map[string]string
	// Timeout limits the whole diagnosis.
	Timeout time.Duration
	// Out is where the doctor's report goes; Notes where progress and the API server's warnings go.
	Out, Notes io.Writer
}

// DefaultWorkload is the workload that the doctor is where it is told no other.
const DefaultWorkload = "lighterman-doctor"

// ErrUnwell means that the report has a failure.
var ErrUnwell = errors.New("not all is well: the report says what to do")

// Run runs the doctor in a pod, and removes the pod.
func Run(ctx context.Context, config *rest.Config, o Options) error {
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout,
		fmt.Errorf("the doctor's pod has not ended within %v", o.Timeout))
	defer cancel()
	config = rest.CopyConfig(config)
	collector := &warningCollector{}
	config.WarningHandlerWithContext = collector
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("find the API server: %w", err)
	}
	c := &diagnosis{Options: o, kube: kube}
	dryRun, err := kube.CoreV1().Pods(o.Namespace).Create(ctx, dryRunPod(&o), metav1.CreateOptions{
		DryRun: []string{metav1.DryRunAll},
	})
	if err != nil {
		return c.explainRejection(err)
	}
	if dryRun.Annotations[injector.AnnotationInjected] == "" {
		return c.explainNotInjected(ctx, collector.texts)
	}
	pod, err := doctorPod(&o, dryRun)
	if err != nil {
		return err
	}
	c.notePrefix(dryRun)
	collector.texts = nil
	pod, err = kube.CoreV1().Pods(o.Namespace).Create(ctx, pod, metav1.CreateOptions{})
	if err != nil {
		return c.explainRejection(err)
	}
	defer c.deletePod(context.WithoutCancel(ctx), pod) // Also when the user interrupts the diagnosis.
	for _, text := range collector.texts {
		c.notef("Warning: %s", text)
	}
	c.notef("pod %s/%s runs %s as service account %s", pod.Namespace, pod.Name, pod.Spec.Containers[0].Image,
		pod.Spec.ServiceAccountName)
	return c.showReport(ctx, pod)
}

// diagnosis is one run of the doctor in the cluster.
type diagnosis struct {
	Options

	kube kubernetes.Interface
}

// notef writes a line of progress. That Notes may be closed is no failure.
func (c *diagnosis) notef(format string, args ...any) {
	_, _ = fmt.Fprintf(c.Notes, format+"\n", args...)
}

// notePrefix says below which prefix the doctor writes, where that is not the profile's alone.
func (c *diagnosis) notePrefix(dryRun *corev1.Pod) {
	prefix, workload := prefixOf(dryRun), workloadOf(&c.Options)
	if strings.Contains(prefix, workload) {
		c.notef("the doctor looks at the prefix %s: {workload} of the profile stands for %s; for another, use --workload", prefix, workload)
	}
}

// warningCollector keeps the warnings of the API server.
type warningCollector struct{ texts []string }

// HandleWarningHeaderWithContext keeps a warning of a response.
func (w *warningCollector) HandleWarningHeaderWithContext(_ context.Context, code int, _, text string) {
	if code == 299 { // The one code of Kubernetes' warnings.
		w.texts = append(w.texts, text)
	}
}

// showReport waits until the doctor runs, copies its report, and waits until it has ended.
func (c *diagnosis) showReport(ctx context.Context, pod *corev1.Pod) error {
	if err := c.waitUntil(ctx, pod, stateBeforeReport); err != nil {
		return err
	}
	logs, err := c.kube.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{
		Container: containerName, Follow: true,
	}).Stream(ctx)
	if err != nil {
		return fmt.Errorf("read the doctor's report: %w: that needs the permission to get pods/log", err)
	}
	_, err = io.Copy(c.Out, logs)
	if err = errors.Join(err, logs.Close()); err != nil {
		return fmt.Errorf("read the doctor's report: %w", err)
	}
	return c.waitUntil(ctx, pod, stateAfterReport)
}

// deletePod deletes the doctor's pod, or notes how the user can.
func (c *diagnosis) deletePod(ctx context.Context, pod *corev1.Pod) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	if err := c.kube.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{}); err != nil {
		c.notef("the pod stays: %v: remove it with kubectl delete pod -n %s %s", err, pod.Namespace, pod.Name)
	}
}
