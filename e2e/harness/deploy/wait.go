package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// WaitAvailable waits for the one newest pod of a Deployment, and returns what it waits for when that takes too long.
func WaitAvailable(ctx context.Context, kube kubernetes.Interface, namespace, name string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		err := available(ctx, kube, namespace, name)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s/%s: %w: %s", namespace, name, err, reasons(context.WithoutCancel(ctx), kube, namespace, name))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func available(ctx context.Context, kube kubernetes.Interface, namespace, name string) error {
	d, err := kube.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	s := d.Status
	if s.ObservedGeneration < d.Generation || s.UpdatedReplicas < 1 || s.AvailableReplicas < 1 || s.Replicas > 1 {
		return errors.New("it is not available")
	}
	return nil
}

func reasons(ctx context.Context, kube kubernetes.Interface, namespace, name string) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	d, err := kube.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err.Error()
	}
	pods, err := kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(d.Spec.Selector)})
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, p := range pods.Items {
		for _, c := range p.Status.Conditions {
			if c.Status == corev1.ConditionFalse && c.Message != "" {
				out = append(out, c.Message)
			}
		}
		for _, c := range p.Status.ContainerStatuses {
			if w := c.State.Waiting; w != nil {
				out = append(out, fmt.Sprintf("%s: %s %s", c.Name, w.Reason, w.Message))
			}
		}
	}
	if len(out) == 0 {
		return "it has no pod that says why"
	}
	return strings.Join(out, "; ")
}
