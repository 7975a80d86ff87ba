package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
)

// apply creates the object or brings it to what is given. Kinds used here have regular plural names.
func apply(ctx context.Context, dyn dynamic.Interface, object any) error {
	data, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	var u unstructured.Unstructured
	if err := u.UnmarshalJSON(data); err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	gvk := u.GroupVersionKind()
	resource := dyn.Resource(schema.GroupVersionResource{
		Group: gvk.Group, Version: gvk.Version, Resource: strings.ToLower(gvk.Kind) + "s",
	})
	_, err = resource.Namespace(u.GetNamespace()).Apply(ctx, u.GetName(), &u, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	if err != nil {
		return fmt.Errorf("apply %s %s: %w", gvk.Kind, u.GetName(), err)
	}
	return nil
}

// waitAvailable waits for the Deployment's newest pod, and says what holds it up when that takes too long.
func waitAvailable(ctx context.Context, kube kubernetes.Interface, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		err := available(ctx, kube)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the store's pod: %w: %s", err, reasons(context.WithoutCancel(ctx), kube))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func available(ctx context.Context, kube kubernetes.Interface) error {
	d, err := kube.AppsV1().Deployments(Namespace).Get(ctx, Service, metav1.GetOptions{})
	if err != nil {
		return err
	}
	s := d.Status
	if s.ObservedGeneration < d.Generation || s.UpdatedReplicas < 1 || s.AvailableReplicas < 1 || s.Replicas > 1 {
		return errors.New("it is not available")
	}
	return nil
}

func reasons(ctx context.Context, kube kubernetes.Interface) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	pods, err := kube.CoreV1().Pods(Namespace).List(ctx, metav1.ListOptions{LabelSelector: selector()})
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

func deleteNamespace(ctx context.Context, kube kubernetes.Interface) error {
	err := kube.CoreV1().Namespaces().Delete(ctx, Namespace, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("uninstall store: %w", err)
	}
	return nil
}
