package inpod

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"lighterman.dev/lighterman/injector"
)

// Options say for whom the doctor looks.
type Options struct {
	// Namespace is where the pod runs.
	Namespace string
	// Profile or ClusterProfile is what the pod names. Neither: the one that a pod like it gets by default.
	Profile, ClusterProfile string
	ServiceAccount          string
	// Image is that of the pod; empty: that of the sidecar which the webhook adds.
	Image string
	// Labels are given to the pod, for network policies.
	Labels map[string]string
	// Timeout bounds all that is waited for.
	Timeout time.Duration
	// Out gets the doctor's report; Notes what happens meanwhile, and the API server's warnings.
	Out, Notes io.Writer
}

// ErrUnwell means that the report has a failure.
var ErrUnwell = errors.New("not all is well: the report says what to do")

// Run runs the doctor in a pod, and removes the pod.
func Run(ctx context.Context, config *rest.Config, o Options) error {
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("the doctor's pod has not ended within %v", o.Timeout))
	defer cancel()
	config = rest.CopyConfig(config)
	said := &warnings{}
	config.WarningHandlerWithContext = said
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("find the API server: %w", err)
	}
	c := &call{Options: o, kube: kube}
	shown, err := kube.CoreV1().Pods(o.Namespace).Create(ctx, question(&o), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return c.refused(err)
	}
	if shown.Annotations[injector.AnnotationInjected] == "" {
		return c.notInjected(ctx, said.texts)
	}
	pod, err := examination(&o, shown)
	if err != nil {
		return err
	}
	said.texts = nil
	pod, err = kube.CoreV1().Pods(o.Namespace).Create(ctx, pod, metav1.CreateOptions{})
	if err != nil {
		return c.refused(err)
	}
	defer c.remove(context.WithoutCancel(ctx), pod) // It is removed also when the user has had enough.
	for _, text := range said.texts {
		c.note("Warning: %s", text)
	}
	c.note("pod %s/%s runs %s as service account %s", pod.Namespace, pod.Name, pod.Spec.Containers[0].Image, pod.Spec.ServiceAccountName)
	return c.watch(ctx, pod)
}

// call is one visit of the doctor.
type call struct {
	Options

	kube kubernetes.Interface
}

// note writes a line for people. Nobody may read it.
func (c *call) note(format string, args ...any) { _, _ = fmt.Fprintf(c.Notes, format+"\n", args...) }

// warnings keeps what the API server warns of.
type warnings struct{ texts []string }

// HandleWarningHeaderWithContext is called with each warning of an answer.
func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, code int, _, text string) {
	if code == 299 { // The one code of Kubernetes' warnings.
		w.texts = append(w.texts, text)
	}
}

// watch waits for the doctor, shows its report, and waits for its end.
func (c *call) watch(ctx context.Context, pod *corev1.Pod) error {
	if err := c.until(ctx, pod, begun); err != nil {
		return err
	}
	logs, err := c.kube.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: containerName, Follow: true}).Stream(ctx)
	if err != nil {
		return fmt.Errorf("read the doctor's report: %w: that needs the permission to get pods/log", err)
	}
	_, err = io.Copy(c.Out, logs)
	if err = errors.Join(err, logs.Close()); err != nil {
		return fmt.Errorf("read the doctor's report: %w", err)
	}
	return c.until(ctx, pod, ended)
}

func (c *call) remove(ctx context.Context, pod *corev1.Pod) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	if err := c.kube.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{}); err != nil {
		c.note("the pod stays: %v: remove it with kubectl delete pod -n %s %s", err, pod.Namespace, pod.Name)
	}
}
